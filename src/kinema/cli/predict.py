"""`kinema predict`: class scores of video files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import MediaError, UsageError, WorkError
from ..resources import Resources
from .console import ConsoleEvents, print_json
from .options import COMPUTING, JsonOption, RunArgument, with_resources

if TYPE_CHECKING:
    from ..types import Prediction

NAME = "predict"
# The answer for a video that no class is likely for, at the risk that was asked for.
NONE = "none of these"
HELP = """Name the action in video files, or, with --timeline, in sliding windows along each.

Example: kinema predict run clip.mp4 --top 3"""


@with_resources(*COMPUTING)
def command(
    run: RunArgument,
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="Video files.")],
    top: Annotated[int, typer.Option(help="How many classes to show.", min=1)] = 3,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Sliding windows: when did it happen?")
    ] = False,
    window: Annotated[float, typer.Option(help="Seconds per window.", min=0.05)] = 2.0,
    stride: Annotated[float, typer.Option(help="Seconds between windows.", min=0.05)] = 1.0,
    risk: Annotated[
        float | None,
        typer.Option(
            help="Answer 'none of these' where no class is likely; share of wrong refusals, as 0.05."
        ),
    ] = None,
    json: JsonOption = False,
    *,
    resources: Resources,
) -> None:
    """See HELP."""
    from ..inference.predictor import load

    missing = [v for v in videos if not v.exists()]
    if missing:
        raise UsageError(f"no file {missing[0]}; check the path")
    with ConsoleEvents() as events:
        loaded = load(run, resources)
        if risk is not None:
            loaded.bound(risk)  # refused ahead of the first video
        results: list[dict[str, Any]] = []
        for video in videos:
            try:
                if timeline:
                    found = loaded.timeline(video, window_seconds=window, stride_seconds=stride)
                else:
                    found = [loaded.predict(video)]
            except MediaError as error:
                events.warn(f"{video}: {error}")
                results.append({"video": str(video), "error": str(error)})
                continue
            refused = [risk is not None and not loaded.candidates(p, risk) for p in found]
            results.append(_result(video, found, refused, top, timeline))
            if not json:
                _show(video, found, refused, top)
    if json:
        print_json(results)
    failed = sum("error" in r for r in results)
    if failed:
        raise WorkError(
            f"{failed} of {len(videos)} files could not be read; `kinema scan` says more about a folder"
        )


def _result(
    video: Path, found: list[Prediction], refused: list[bool], top: int, timeline: bool
) -> dict[str, Any]:
    labels = [NONE if none else p.label for p, none in zip(found, refused, strict=True)]

    def scores(prediction: Prediction) -> list[dict[str, Any]]:
        return [{"label": label, "score": score} for label, score in prediction.top(top)]

    if not timeline:
        return {"video": str(video), "label": labels[0], "top": scores(found[0])}
    windows = [
        {"start": p.start_seconds, "end": p.end_seconds, "label": label, "top": scores(p)}
        for p, label in zip(found, labels, strict=True)
    ]
    return {"video": str(video), "timeline": windows}


def _show(video: Path, found: list[Prediction], refused: list[bool], top: int) -> None:
    typer.echo(str(video))
    for prediction, none in zip(found, refused, strict=True):
        best = "   ".join(f"{label} {score:.3f}" for label, score in prediction.top(top))
        best = f"{NONE}   ({best})" if none else best
        if prediction.start_seconds is None or prediction.end_seconds is None:
            typer.echo(f"  {best}")
        else:
            typer.echo(f"  {prediction.start_seconds:7.2f} – {prediction.end_seconds:7.2f} s   {best}")
