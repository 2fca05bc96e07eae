"""`kinema predict`: class scores of video files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..resources import Resources
from ..types import Prediction
from .options import COMPUTING, JsonOption, RunArgument, with_resources
from .videos import check_files, each_video

# The answer for a video that no class is likely for, at the risk that was asked for.
NONE = "none of these"


@with_resources(*COMPUTING)
def command(
    resources: Resources,
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
) -> None:
    """Name the action in video files, or, with --timeline, in sliding windows along each.

    Example: kinema predict run clip.mp4 --top 3
    """
    from ..inference.predictor import load

    check_files(*videos)
    loaded = load(run, resources)

    if risk is not None:
        loaded.bound(risk)  # refused ahead of the first video

    def facts(prediction: Prediction) -> dict[str, Any]:
        none = risk is not None and not loaded.candidates(prediction, risk)
        best = [{"label": label, "score": score} for label, score in prediction.top(top)]
        return {"label": NONE if none else prediction.label, "top": best}

    def work(video: Path) -> dict[str, Any]:
        if not timeline:
            return facts(loaded.predict(video))
        found = loaded.timeline(video, window_seconds=window, stride_seconds=stride)
        return {"timeline": [{"start": p.start_seconds, "end": p.end_seconds, **facts(p)} for p in found]}

    def line(row: dict[str, Any]) -> str:
        best = "   ".join(f"{best['label']} {best['score']:.3f}" for best in row["top"])
        return f"{NONE}   ({best})" if row["label"] == NONE else best

    each_video(videos, work, line, json=json)
