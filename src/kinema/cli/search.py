"""`kinema search`: the videos most like one video."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..resources import Resources
from .checks import check_file
from .console import ConsoleEvents, echo, print_json
from .options import COMPUTING, JsonOption, with_resources


@with_resources(*COMPUTING)
def command(
    resources: Resources,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Parquet file made by `kinema embed`.")],
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="The video to look for.")],
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="The run that made FILE.", show_default="where it was then"),
    ] = None,
    top: Annotated[int, typer.Option(help="How many videos to show.", min=1)] = 10,
    approximate: Annotated[
        bool, typer.Option("--approximate", help="Use the index that `kinema index` made.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Find the videos in a file of embeddings that are most like one video, by cosine similarity.

    Example: kinema search videos.parquet clip.mp4 --top 5
    """
    check_file(video)
    from ..workflows.embed import search_videos

    with ConsoleEvents() as events:
        hits = search_videos(
            file, video, run=run, top=top, approximate=approximate, resources=resources, events=events
        )
    if json:
        print_json([asdict(hit) for hit in hits])
        return
    for hit in hits:
        echo(f"{hit.score:7.3f}  {hit.label or '-'}  {hit.path}")
