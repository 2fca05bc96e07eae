"""`kinema anomaly fit` and `kinema anomaly score`: videos that are not like the normal ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import MediaError, UsageError, WorkError
from ..resources import Resources
from .console import ConsoleEvents, echo, print_json
from .options import (
    COMPUTING,
    STORING,
    DataArgument,
    JsonOption,
    LayoutOption,
    RunArgument,
    SplitOption,
    with_resources,
)

if TYPE_CHECKING:
    from ..anomaly.detector import Verdict
    from ..inference.anomaly import LoadedDetector

NAME = "anomaly"
HELP = "Find videos that are not like the normal ones, by the embedding of a run."
app = typer.Typer(name=NAME, help=HELP, no_args_is_help=True)


@app.command()
@with_resources(*STORING)
def fit(
    run: RunArgument,
    data: DataArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the detector to write.")],
    normal: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="A normal class (may be given again) [default: all videos]."),
    ] = None,
    false_alarms: Annotated[
        float, typer.Option(help="Share of normal videos that may be called anomalous.", min=1e-6, max=0.5)
    ] = 0.05,
    held_out: Annotated[
        float, typer.Option(help="Share of normal videos that sets the threshold.", min=0.05, max=0.9)
    ] = 0.3,
    bottleneck: Annotated[int, typer.Option(help="Width of the autoencoder's narrowest layer.", min=1)] = 16,
    seed: Annotated[int, typer.Option(help="Seed of the fit and of the choice of held-out videos.")] = 0,
    layout: LayoutOption = "auto",
    split: SplitOption = 1,
    json: JsonOption = False,
    *,
    resources: Resources,
) -> None:
    """Fit a detector on normal videos, all or those of the classes --normal; other classes give a ROC curve.

    Example: kinema anomaly fit run normal_videos --out detector --false-alarms 0.05
    """
    from ..workflows.anomaly import fit_anomaly
    from ..workflows.anomaly_fit import AnomalyOptions

    options = AnomalyOptions(
        normal=tuple(normal or ()),
        false_alarms=false_alarms,
        held_out=held_out,
        bottleneck=bottleneck,
        seed=seed,
        layout=layout,
        split=split,
    )
    with ConsoleEvents() as events:
        metrics = fit_anomaly(run, data, out, options=options, resources=resources, events=events)
    if json:
        print_json({"detector": str(out), **metrics})
        return
    typer.echo(f"threshold {metrics['threshold']:.4g}; {metrics['certainty']}")
    if "auroc" in metrics:
        low, high = metrics["ci95"]
        typer.echo(
            f"area under the ROC curve {metrics['auroc']:.3f} (95 % interval {low:.3f} to {high:.3f}; "
            f"{metrics['n_normal']} normal, {metrics['n_anomalous']} anomalous videos)"
        )
    typer.echo(f"report: {out / 'report.html'}")


@app.command()
@with_resources(*COMPUTING)
def score(
    detector: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of `kinema anomaly fit`.")],
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="Video files.")],
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="The run that DIR was fitted on [default: where it was]."),
    ] = None,
    timeline: Annotated[bool, typer.Option("--timeline", help="Sliding windows: when was it?")] = False,
    window: Annotated[
        float | None,
        typer.Option(help="Seconds per window [default: as long as the normal videos].", min=0.05),
    ] = None,
    stride: Annotated[
        float | None, typer.Option(help="Seconds between windows [default: half a window].", min=0.05)
    ] = None,
    json: JsonOption = False,
    *,
    resources: Resources,
) -> None:
    """Error, threshold, percentile among normal videos and verdict of each file, or of windows along it.

    Example: kinema anomaly score detector clip.mp4 --timeline
    """
    from ..inference.anomaly import load_anomaly

    missing = [v for v in videos if not v.exists()]
    if missing:
        raise UsageError(f"no file {missing[0]}; check the path")
    results: list[dict[str, Any]] = []
    with ConsoleEvents() as events:
        loaded = load_anomaly(detector, run=run, resources=resources)
        for video in videos:
            try:
                result = _scored(loaded, video, timeline, window, stride)
            except MediaError as error:
                events.warn(f"{video}: {error}")
                result = {"video": str(video), "error_reading": str(error)}
            results.append(result)
            if not json:
                _show(result)
    if json:
        print_json(results)
    failed = sum("error_reading" in r for r in results)
    if failed:
        raise WorkError(
            f"{failed} of {len(videos)} files could not be read; `kinema scan` says more about a folder"
        )


def _scored(
    loaded: LoadedDetector, video: Path, timeline: bool, window: float | None, stride: float | None
) -> dict[str, Any]:
    if not timeline:
        return {"video": str(video), **_facts(loaded.score(video))}
    found = loaded.timeline(video, window_seconds=window, stride_seconds=stride)
    windows = [{"start": start, "end": end, **_facts(verdict)} for start, end, verdict in found]
    return {"video": str(video), "timeline": windows}


def _facts(verdict: Verdict) -> dict[str, Any]:
    return {
        "error": verdict.error,
        "threshold": verdict.threshold,
        "percentile": verdict.percentile,
        "anomalous": verdict.anomalous,
    }


def _show(result: dict[str, Any]) -> None:
    echo(result["video"])
    for row in result.get("timeline", [result] if "error" in result else []):
        when = f"{row['start']:7.2f} – {row['end']:7.2f} s   " if "start" in row else ""
        said = "ANOMALOUS" if row["anomalous"] else "normal"
        typer.echo(
            f"  {when}{said:<9}  error {row['error']:.4g}, threshold {row['threshold']:.4g}, "
            f"larger than {row['percentile']:.0f} % of normal videos"
        )
