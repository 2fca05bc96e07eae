"""`kinema evaluate`: a run's figures on a data folder."""

from pathlib import Path
from typing import Annotated

import typer

from ..resources import Resources
from .console import ConsoleEvents, print_json
from .options import STORING, DataArgument, JsonOption, LayoutOption, RunArgument, SplitOption, with_resources


@with_resources(*STORING)
def command(
    resources: Resources,
    run: RunArgument,
    data: DataArgument,
    layout: LayoutOption = "auto",
    split: SplitOption = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write metrics.json, predictions.csv and report.html.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Measure a run on the test split of a data folder (on all of it where it has no split).

    Videos that the run was trained on are recognised by their content and left out.

    Example: kinema evaluate run videos --json
    """
    from ..workflows.evaluate import evaluate
    from .train import show_metrics

    with ConsoleEvents() as events:
        metrics = evaluate(run, data, layout=layout, split=split, out=out, resources=resources, events=events)
    if json:
        print_json(metrics)
    else:
        show_metrics(metrics)
        if out is not None:
            typer.echo(f"report: {out / 'report.html'}")
