"""`kinema flow`: the optical flow of a video, as colours or as raw fields."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..resources import Resources
from ..urls import as_url
from .checks import check_file, refuse_idle
from .console import ConsoleEvents, echo, print_json
from .options import JsonOption, with_resources


@with_resources("weights", "device", "offline")
def command(
    resources: Resources,
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video file.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help=".mp4, .npy or .safetensors.")],
    method: Annotated[str, typer.Option(help="tvl1, raft_small, raft_large or flownet2.")] = "tvl1",
    max_px: Annotated[
        float | None, typer.Option(help="Displacement of full colour.", show_default="width / 32")
    ] = None,
    short_side: Annotated[
        int | None, typer.Option(help="Resize the shorter side to this first.", min=16)
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the optical flow of a video: .mp4 in colour-wheel colours, .npy or .safetensors as raw fields.

    Example: kinema flow clip.mp4 --out flow.mp4
    """
    check_file(video)
    if out.suffix.lower() in (".npy", ".safetensors"):
        refuse_idle("a video as --out", max_px=max_px)
    from ..media.reader import VideoReader
    from ..workflows.flow import write_flow

    with ConsoleEvents() as events:
        events.step(f"optical flow of {video.name} by {method}")
        with VideoReader(video) as reader:
            claimed = reader.info.num_frames or 0
        summary = write_flow(
            video,
            out,
            method,
            max_px=max_px,
            short_side=short_side,
            resources=resources,
            progress=lambda done: events.progress(done, max(done, claimed - 1)),
        )
    if json:
        print_json(asdict(summary) | {"path": as_url(summary.path)})
    else:
        note = f" ({summary.note})" if summary.note else ""
        echo(f"{summary.fields} fields of {summary.width}x{summary.height} in {summary.path}{note}")
