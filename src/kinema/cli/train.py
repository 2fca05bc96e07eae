"""`kinema train`: a folder of videos becomes a run."""

from pathlib import Path
from typing import Annotated

import typer

from ..resources import Resources
from ..urls import as_url
from . import options
from .console import ConsoleEvents, echo, print_json
from .options import STORING, with_resources


@with_resources(*STORING)
def command(
    resources: Resources,
    data: options.DataArgument,
    out: Annotated[Path, typer.Option(metavar="RUN", help="Folder of the run to write.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Name of a recipe (see `kinema recipes`) or a .yaml file.", show_default="lite, or timeline"
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            help="clips: what a video shows; timeline: when, from segments of long videos; auto: by recipe."
        ),
    ] = "auto",
    layout: options.LayoutOption = "auto",
    split: options.SplitOption = 1,
    set_: options.SetOption = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set training.seed=N.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a finished or interrupted run in RUN.")
    ] = False,
    devices: Annotated[
        int, typer.Option(help="Processes that train together on each node; one a GPU, where there are some.")
    ] = 1,
    nodes: Annotated[
        int, typer.Option(help="Machines that train together, each started by torchrun, SLURM or Ray Train.")
    ] = 1,
    logger: Annotated[
        str | None, typer.Option(help="Tell tensorboard, mlflow or wandb of every epoch too.")
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Train a recogniser on a folder of videos: scan, extract, fit, evaluate, report.

    A CSV has one row a video or a part of one; its first line is file_name,label[,split,group,start,end].
    Paths are relative to the CSV's folder; split is train, val or test; start and end are seconds. With
    --task timeline a row is a segment of a long video, and DATA may be ActivityNet's JSON, ELAN's .eaf, an
    export of BORIS, or a folder of ELAN, THUMOS or KTH.

    Example: kinema train videos --recipe lite --out run
    """
    from ..workflows.train import TrainOptions, train

    overrides = [*(set_ or []), *([f"training.seed={seed}"] if seed is not None else [])]
    chosen = TrainOptions(layout, split, overwrite, logger=logger, task=task, devices=devices, nodes=nodes)
    with ConsoleEvents() as events:
        result = train(
            data,
            recipe=recipe,
            out=out,
            overrides=overrides,
            options=chosen,
            resources=resources,
            events=events,
        )
    if not result.first:
        return
    if json:
        print_json({"run": as_url(result.run), "warnings": result.warnings, **result.metrics})
    else:
        show_metrics(result.metrics)
        echo(f"report: {result.run / 'report.html'}")


def show_metrics(metrics: dict) -> None:
    """The headline of a run on stdout."""
    if "f1_50" in metrics:
        show_timeline(metrics)
        return
    from ..report.headline import TOO_FEW_GROUPS

    interval = metrics["ci95"]
    known = [f"95 % interval {interval[0]:.1%} to {interval[1]:.1%}" if interval else TOO_FEW_GROUPS]
    if metrics["majority_baseline"]:
        known.append(f"largest class alone: {metrics['majority_baseline']:.1%}")
    known.append(f"split: {metrics['split']}")
    protocol = metrics.get("protocol", {})
    videos = "videos" if "trained_on" in protocol else "test videos"
    typer.echo(f"accuracy {metrics['accuracy']:.1%} of {metrics['n_test']} {videos} ({'; '.join(known)})")
    if protocol.get("std", {}).get("accuracy") is not None:
        mean, std = protocol["mean"]["accuracy"], protocol["std"]["accuracy"]
        rounds = "folds" if protocol["kind"] == "folds" else "rounds"
        typer.echo(f"mean and standard deviation over {rounds}: {mean:.1%} ± {std:.1%}")
    for name, side in protocol.get("compared", {}).items():
        typer.echo(f"split {name}: {side['accuracy']:.1%}")


def show_timeline(metrics: dict) -> None:
    """The headline of a run that answers when."""
    interval = metrics["ci95_of"]["f1_50"]
    known = f" (95 % interval {interval[0]:.1%} to {interval[1]:.1%})" if interval else ""
    hours = metrics["hours"]
    typer.echo(
        f"segmental F1 at 50 % overlap {metrics['f1_50']:.1%}{known}; {metrics['n_test']} files,"
        f" {hours:.2f} h"
    )
    typer.echo(
        f"frame accuracy {metrics['accuracy']:.1%} (always background {metrics['majority_baseline']:.1%});"
        f" missed {metrics['missed']:.1%}; {metrics['false_alarms_per_hour']:.1f} false alarms an hour"
    )
    if metrics["delay_seconds"]:
        typer.echo(f"mean delay of a report: {metrics['delay_seconds']['mean']:.2f} s")
    for name, row in metrics["baselines"].items():
        typer.echo(f"  {name}: F1 at 50 % {row['f1_50']:.1%}, frame accuracy {row['accuracy']:.1%}")
