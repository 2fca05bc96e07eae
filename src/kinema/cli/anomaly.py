"""`kinema anomaly fit`, `score` and `watch`: videos that are not like the normal ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..buckets import on_disk
from ..errors import UsageError
from ..inference.answers import verdict_facts, verdicts_facts
from ..resources import Resources
from ..urls import as_url
from . import options, signals
from .checks import check_detector, refuse_idle
from .console import ConsoleEvents, echo, print_json, print_line
from .live import ForgetOption, LoopOption, MaxDelayOption, SmoothOption, SourceArgument, check_source
from .options import COMPUTING, STORING, with_resources, with_volume
from .videos import each_video, find_videos, raise_unread

app = typer.Typer(
    name="anomaly",
    help="Find videos that are not like the normal ones, by the embedding of a run.",
    no_args_is_help=True,
)


@app.command()
@with_volume
@with_resources(*STORING)
def fit(
    resources: Resources,
    run: options.RunArgument,
    data: options.DataArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the detector to write.")],
    normal: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="A normal class (may be given again).", show_default="all videos"),
    ] = None,
    false_alarms: Annotated[
        float, typer.Option(help="Share of normal videos that may be called anomalous.", min=1e-6, max=0.5)
    ] = 0.05,
    held_out: Annotated[
        float, typer.Option(help="Share of normal videos that sets the threshold.", min=0.05, max=0.9)
    ] = 0.3,
    bottleneck: Annotated[int, typer.Option(help="Width of the autoencoder's narrowest layer.", min=1)] = 16,
    seed: Annotated[int, typer.Option(help="Seed of the fit and of the choice of held-out videos.")] = 0,
    layout: options.LayoutOption = "auto",
    split: options.SplitOption = 1,
    json: options.JsonOption = False,
) -> None:
    """Fit a detector on normal videos, all or those of the classes --normal; other classes give a ROC curve.

    Example: kinema anomaly fit run normal_videos --out detector --false-alarms 0.05
    """
    from ..workflows.anomaly import AnomalyOptions, fit_anomaly

    chosen = AnomalyOptions(
        normal=tuple(normal or ()),
        false_alarms=false_alarms,
        held_out=held_out,
        bottleneck=bottleneck,
        seed=seed,
        layout=layout,
        split=split,
    )
    with ConsoleEvents() as events:
        metrics = fit_anomaly(run, data, out, options=chosen, resources=resources, events=events)
    if json:
        print_json({"detector": as_url(out), **metrics})
        return
    typer.echo(f"threshold {metrics['threshold']:.4g}; {metrics['certainty']}")
    if "auroc" in metrics:
        low, high = metrics["ci95"]
        typer.echo(
            f"area under the ROC curve {metrics['auroc']:.3f} (95 % interval {low:.3f} to {high:.3f}; "
            f"{metrics['n_normal']} normal, {metrics['n_anomalous']} anomalous videos)"
        )
    echo(f"report: {as_url(out / 'report.html')}")


@app.command()
@with_volume
@with_resources(*COMPUTING)
def score(
    resources: Resources,
    detector: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `kinema anomaly fit`.")],
    videos: Annotated[
        list[Path], typer.Argument(metavar="VIDEO...", help="Video files, folders, globs or lists.")
    ],
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="The run that DIR was fitted on.", show_default="where it was"),
    ] = None,
    timeline: Annotated[bool, typer.Option("--timeline", help="Sliding windows: when was it?")] = False,
    window: Annotated[
        float | None,
        typer.Option(help="Seconds per window.", min=0.05, show_default="as long as the normal videos"),
    ] = None,
    stride: Annotated[
        float | None, typer.Option(help="Seconds between windows.", min=0.05, show_default="half a window")
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Error, threshold, percentile among normal videos and verdict of each file, or of windows along it.

    Example: kinema anomaly score detector clip.mp4 --timeline
    """
    if not timeline:
        refuse_idle("--timeline", window=window, stride=stride)
    found = find_videos(videos)
    from ..inference.anomaly import load_anomaly

    def work(video: Path) -> dict[str, Any]:
        if not timeline:
            return verdict_facts(loaded.score(video))
        parts = loaded.timeline(video, window_seconds=window, stride_seconds=stride)
        return {"timeline": verdicts_facts(parts)}

    with ConsoleEvents() as events:
        loaded = load_anomaly(detector, run=run, resources=resources)
        results = each_video(found, work, _line, events, json=json, failed="error_reading")
    raise_unread(results, "error_reading")


@app.command()
@with_volume
@with_resources(*COMPUTING)
def watch(
    resources: Resources,
    detector: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `kinema anomaly fit`.")],
    source: SourceArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the film strips and alarms.jsonl.")],
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="The run that DIR was fitted on.", show_default="where it was"),
    ] = None,
    forget: ForgetOption = "auto",
    horizon: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="How far back a verdict looks.",
            min=0.1,
            show_default="as long as the normal videos",
        ),
    ] = None,
    smooth: SmoothOption = 0.25,
    max_delay: MaxDelayOption = 1.0,
    loop: LoopOption = False,
) -> None:
    """Watch a camera, a stream or a file: a line of JSON for every alarm, and a film strip of what raised it.

    It ends with the source, or with Ctrl-C; a summary follows. A stream that is lost is tried again.

    Example: kinema anomaly watch detector rtsp://camera.local/stream --out alarms
    """
    check_detector(detector)
    given = check_source(source, loop, forget)
    if on_disk(out, "name a folder of this machine with --out").exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file; name a folder for the film strips")
    from ..live.smoothing import Smoothing
    from ..workflows.live import LiveOptions
    from ..workflows.live import watch as watch_source

    options = LiveOptions(
        rule=forget,  # type: ignore[arg-type]  # checked above
        horizon_seconds=horizon,
        max_delay=max_delay,
        smoothing=Smoothing(smooth),
    )
    with ConsoleEvents() as events, signals.asked_to_stop() as stop:
        summary = watch_source(
            detector,
            given,
            out,
            print_line,
            run=run,
            options=options,
            resources=resources,
            events=events,
            stop=stop,
        )
        events.note(f"{summary['alarms']} alarms in {out}")


def _line(row: dict[str, Any]) -> str:
    said = "ANOMALOUS" if row["anomalous"] else "normal"
    return (
        f"{said:<9}  error {row['error']:.4g}, threshold {row['threshold']:.4g}, "
        f"larger than {row['percentile']:.0f} % of normal videos"
    )
