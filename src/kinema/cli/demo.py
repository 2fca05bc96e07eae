"""`kinema demo`: every step from videos to report on a synthetic set, without network."""

from pathlib import Path
from typing import Annotated

import typer

from .console import ConsoleEvents, print_json
from .options import JsonOption
from .train import show_metrics


def command(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for videos, features and the run.")] = Path(
        "demo"
    ),
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Long videos of several actions: when does what happen?")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the set and of the training.")] = 0,
    json: JsonOption = False,
) -> None:
    """Make a small synthetic video set, train on it, evaluate, write report.html. No network.

    Example: kinema demo --out demo --timeline
    """
    with ConsoleEvents() as events:
        if timeline:
            from ..workflows.demo_timeline import demo_timeline

            result = demo_timeline(out, seed=seed, events=events)
        else:
            from ..workflows.demo import demo

            result = demo(out, seed=seed, events=events)
    if json:
        print_json({"run": str(result.run), **result.metrics})
        return
    show_metrics(result.metrics)
    for name, row in result.metrics.get("subsets", {}).items():
        typer.echo(
            f"  {name}: {row['accuracy']:.1%}; among themselves {row['accuracy_among']:.1%}, "
            f"with frames shuffled {row['shuffled_accuracy_among']:.1%} (chance {row['chance_among']:.1%})"
        )
    typer.echo(f"report: {result.run / 'report.html'}")
