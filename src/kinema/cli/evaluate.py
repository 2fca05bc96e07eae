"""`kinema evaluate`: a run's figures on a data folder."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..resources import Resources
from ..urls import as_url
from .console import ConsoleEvents, echo, print_json
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
    compare_precision: Annotated[
        bool, typer.Option("--compare-precision", help="Accuracy and time in fp32, bf16 and int8.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Measure a run on the test split of a data folder (on all of it where it has no split).

    Videos that the run was trained on are recognised by their content and left out.

    Example: kinema evaluate run videos --json
    """
    from ..workflows.evaluate import evaluate
    from .train import show_metrics

    with ConsoleEvents() as events:
        metrics = evaluate(
            run,
            data,
            layout=layout,
            split=split,
            out=out,
            compare=compare_precision,
            resources=resources,
            events=events,
        )
    if json:
        print_json(metrics)
    else:
        show_metrics(metrics)
        for row in metrics.get("precisions", []):
            echo(_line(row))
        if out is not None:
            typer.echo(f"report: {as_url(out / 'report.html')}")


def _line(row: dict[str, Any]) -> str:
    """One precision on the test videos."""
    note = f"  ({row['note']})" if row["note"] else ""
    if "accuracy" not in row:
        return f"{row['precision']:<5}{note}"
    seconds = row["seconds_per_video"]
    time = f"{seconds:.2f} s a video" if seconds is not None else "not timed"
    interval = " ({:.1%} to {:.1%})".format(*row["ci95"]) if row["ci95"] else ""
    same = f"{row['agreement']:.1%} of the run's own answers"
    return f"{row['precision']:<5} accuracy {row['accuracy']:.1%}{interval}, {same}, {time}{note}"
