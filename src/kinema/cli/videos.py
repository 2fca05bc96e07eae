"""What the verbs on single video files share: which files are meant, and one result a file."""

import csv
import glob
import os
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..atomic import atomic_open
from ..buckets import as_path, delivered
from ..buckets.ahead import fetched_ahead
from ..datasets.files import VIDEO_SUFFIXES, list_videos
from ..errors import MediaError, UsageError, WorkError
from ..urls import as_url, in_bucket
from .checks import check_file
from .console import ConsoleEvents, echo, print_json

LISTS = (".txt", ".lst")
_AHEAD = 2  # videos of a bucket that are fetched while one is looked at
COLUMNS = ("video", "start", "end", "label", "score", "error")


def find_videos(named: Iterable[Path], files: Path | None = None) -> list[Path]:
    """The files that videos, folders, globs and lists mean, each once, in the order given.

    Folders are searched recursively by suffix. `files`, and a name that ends in .txt or .lst, is a list: one
    path a line, from the working folder; `-` is stdin. Raises `UsageError` for what is not there.
    """
    found = [video for path in named for video in _meant(as_path(path))]
    if files is not None:
        found += [video for path in _lines(files) for video in _meant(path)]
    if not found:
        raise UsageError("no video is named; give files, folders, globs, or a list with --files")
    return list(dict.fromkeys(found))


def _meant(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from _in_folder(path)
    elif path.suffix.lower() in LISTS and path.is_file():
        for line in _lines(path):
            yield from _in_folder(line) if line.is_dir() else _one(line)
    elif not path.exists() and glob.has_magic(str(path)):
        yield from _matches(path)
    else:
        yield from _one(path)


def _one(path: Path) -> Iterator[Path]:
    check_file(path)
    yield path


def _in_folder(folder: Path) -> list[Path]:
    videos = list_videos(folder).videos
    if not videos:
        raise UsageError(f"no videos in {folder}; name a folder that has some")
    return videos


def _matches(pattern: Path) -> Iterator[Path]:
    """What a glob finds; where it leaves the ending open, only what is a video by suffix."""
    open_ended = glob.has_magic(pattern.suffix or "*")
    found = False
    for path in _globbed(pattern):
        videos = list_videos(path).videos if path.is_dir() and pattern.name != "**" else [path]
        for video in videos:
            if not video.is_dir() and (not open_ended or video.suffix.lower() in VIDEO_SUFFIXES):
                found = True
                yield video
    if not found:
        raise UsageError(f"no video matches {pattern}; check the pattern")


def _globbed(pattern: Path) -> list[Path]:
    if not in_bucket(pattern):
        return [Path(name) for name in sorted(glob.glob(str(pattern), recursive=True))]
    # Folders that are no pattern need not be listed.
    fixed = next(p for p in pattern.parents if not glob.has_magic(str(p)))
    return list(as_path(fixed).glob(pattern.relative_to(fixed).as_posix()))


def _lines(files: Path) -> list[Path]:
    """The paths that a list names; blank lines are passed over."""
    try:
        raw = sys.stdin.buffer.read() if str(files) == "-" else as_path(files).read_bytes()
    except OSError as error:
        raise _unreadable(files, error) from None
    lines = (line.rstrip(b"\r") for line in raw.removeprefix(BOM_UTF8).split(b"\n"))
    return [as_path(os.fsdecode(line)) for line in lines if line.strip()]


def _unreadable(files: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot read the list {files} ({error.strerror}); check the path")


class Archive:
    """Any number of videos, one by one: what is named, then the lines of a list, which need not exist.

    A list is not read into memory; `-`, stdin, is. Raises `UsageError` where the list cannot be read.
    """

    def __init__(self, named: Sequence[Path], files: Path | None):
        self._named = find_videos(named) if named else []
        self._files = files
        self._lines = _lines(files) if files is not None and str(files) == "-" else None
        self.total = len(self._named) + sum(1 for _ in self._listed())

    def __iter__(self) -> Iterator[Path]:
        yield from self._named
        yield from self._listed()

    def _listed(self) -> Iterator[Path]:
        if self._lines is not None or self._files is None:
            yield from self._lines or []
            return
        try:
            with as_path(self._files).open("rb") as file:
                for number, line in enumerate(file):
                    name = line.removeprefix(BOM_UTF8 if number == 0 else b"").rstrip(b"\r\n")
                    if name.strip():
                        yield as_path(os.fsdecode(name))
        except OSError as error:
            raise _unreadable(self._files, error) from None


def each_video(
    videos: Sequence[Path],
    work: Callable[[Path], dict[str, Any]],
    line: Callable[[dict[str, Any]], str],
    events: ConsoleEvents,
    *,
    json: bool,
    failed: str = "error",
) -> list[dict[str, Any]]:
    """Show what `work` finds in each file, a `line` for the file or for each row of its `timeline`.

    A file that cannot be read has its reason under the key `failed` and does not stop the others.
    """
    results = []
    for number, video in enumerate(fetched_ahead(videos, lambda path: path, _AHEAD), start=1):
        try:
            result = {"video": as_url(video), **work(video)}
        except MediaError as error:
            events.fault(f"{video}: {error}")
            result = {"video": as_url(video), failed: str(error)}
        results.append(result)
        if not json and failed not in result:
            with events.hidden():
                _echo(result, line)
        if len(videos) > 1:
            events.progress(number, len(videos))
    if json:
        print_json(results)
    return results


def _echo(result: dict[str, Any], line: Callable[[dict[str, Any]], str]) -> None:
    echo(result["video"])
    for row in result.get("timeline", [result]):
        when = f"{row['start']:7.2f} – {row['end']:7.2f} s   " if "start" in row else ""
        echo(f"  {when}{line(row)}")
    for tag in result.get("tags", ()):
        echo(f"    {tag['seconds']:7.2f} s   {tag['label']}")


def raise_unread(results: Sequence[dict[str, Any]], failed: str = "error") -> None:
    """Raise `WorkError` where files could not be read."""
    count = sum(failed in result for result in results)
    if count:
        raise WorkError(
            f"{count} of {len(results)} files could not be read; `kinema scan` says more about a folder"
        )


@contextmanager
def told(out: Path, what: str, events: ConsoleEvents) -> Iterator[Path]:
    """A file to write beside the answers, which may go to a bucket; that it is there is told."""
    with delivered(out) as file:
        yield file
    events.note(f"{what}: {as_url(out)}")


def write_csv(path: Path, results: Iterable[dict[str, Any]]) -> None:
    """One row a video, or one for each segment or window of its timeline."""
    with delivered(path) as here, atomic_open(here, newline="", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        for result in results:
            for row in result.get("timeline", [result]):
                label = "unknown" if row.get("unknown") else row.get("label")
                writer.writerow({"video": result["video"], **row, "label": label})
