"""What the verbs on single video files share: files that must be there, and one result a file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from ..errors import MediaError, UsageError, WorkError
from .console import ConsoleEvents, print_json


def check_files(*videos: Path) -> None:
    """Raise `UsageError` for the first file that is not there."""
    for video in videos:
        if not video.exists():
            raise UsageError(f"no file {video}; check the path")


def each_video(
    videos: Sequence[Path],
    work: Callable[[Path], dict[str, Any]],
    line: Callable[[dict[str, Any]], str],
    *,
    json: bool,
    failed: str = "error",
) -> None:
    """Show what `work` finds in each file, a `line` for the file or for each row of its `timeline`.

    A file that cannot be read has its reason under the key `failed` and does not stop the others; `WorkError`
    is raised at the end.
    """
    results = []
    with ConsoleEvents() as events:
        for video in videos:
            try:
                result = {"video": str(video), **work(video)}
            except MediaError as error:
                events.warn(f"{video}: {error}")
                results.append({"video": str(video), failed: str(error)})
                continue
            results.append(result)
            if not json:
                typer.echo(str(video))
                for row in result.get("timeline", [result]):
                    when = f"{row['start']:7.2f} – {row['end']:7.2f} s   " if "start" in row else ""
                    typer.echo(f"  {when}{line(row)}")
    if json:
        print_json(results)
    count = sum(failed in r for r in results)
    if count:
        raise WorkError(
            f"{count} of {len(videos)} files could not be read; `kinema scan` says more about a folder"
        )
