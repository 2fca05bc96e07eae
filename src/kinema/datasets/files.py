"""Finding video files on disk: which names count as videos, and where a dataset keeps its folders."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..buckets import as_path
from ..buckets.listing import entries, forget, prepare
from ..errors import UsageError
from ..urls import in_bucket, is_url
from .dataset import counted, some

# fmt: off
VIDEO_SUFFIXES = frozenset({
    ".264", ".265", ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".h264", ".h265",
    ".hevc", ".m1v", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg",
    ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".y4m",
})
# fmt: on


@dataclass(slots=True)
class Listing:
    """Files under a folder: videos in natural order of path, and counts of what is not a video."""

    videos: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)

    def add(self, other: "Listing") -> None:
        """Takes over what another listing holds."""
        self.videos += other.videos
        self.others += other.others
        self.unreadable += other.unreadable

    def warnings(self) -> list[str]:
        """What was skipped, at most one line per kind."""
        lines = []
        if self.others:
            kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(self.others.items()))
            lines.append(f"ignored {counted(self.others.total(), 'file')} that are not videos: {kinds}")
        if self.unreadable:
            lines.append(f"cannot read {counted(len(self.unreadable), 'folder')}: {some(self.unreadable)}")
        return lines


def list_videos(folder: Path, passed_over: Collection[str] = ()) -> Listing:
    """All videos below `folder`, by suffix alone: their content is left to the decoder.

    Sub-folders and symbolic links are followed (a link back to a parent is not); hidden files are
    counted among the others. Hidden folders, `__MACOSX` and files of the names `passed_over` are not.
    """
    listing = Listing()
    listing.videos += each_video(folder, listing, passed_over)
    return listing


def each_video(folder: Path, listing: Listing, passed_over: Collection[str] = ()) -> Iterator[Path]:
    """The videos of `list_videos` as they are found; what else is there is counted in `listing`."""
    yield from _walk(str(folder), frozenset(), listing, passed_over)


def _walk(
    folder: str, above: frozenset[tuple[int, int] | None], found: Listing, passed_over: Collection[str]
) -> Iterator[Path]:
    away = in_bucket(folder)
    try:
        here = None if away else _identity(folder)
        if here is not None and here in above:
            return
        inside = sorted(_inside(folder, away))
    except OSError as error:
        found.unreadable.append(f"{folder} ({error.strerror})")
        return
    parent = as_path(folder)
    for name, is_folder in inside:
        if is_folder:
            if visible(name):
                yield from _walk(os.path.join(folder, name), above | {here}, found, passed_over)
        elif name in passed_over:
            continue
        elif not visible(name):
            found.others["hidden"] += 1
        elif (suffix := os.path.splitext(name)[1].lower()) in VIDEO_SUFFIXES:
            yield parent / name
        else:
            found.others[suffix if len(suffix) > 1 else "without suffix"] += 1


def _identity(folder: str) -> tuple[int, int]:
    """What tells a folder from all others, whatever links lead to it."""
    stat = os.stat(folder)
    return stat.st_dev, stat.st_ino


def _inside(folder: str, away: bool) -> list[tuple[str, bool]]:
    """The names in a folder, each with whether it is one itself. Of a million, no file is looked at."""
    if away:
        return [(name, mark is None) for name, mark in entries(as_path(folder)).items()]
    with os.scandir(folder) as scan:
        return [(entry.name, _is_folder(entry)) for entry in scan]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # as of a link into a folder that may not be entered
        return False


def data_root(data: str | Path) -> Path:
    """The folder or file that a user names, absolute; what is in a bucket is looked at anew."""
    root = as_path(data)
    if in_bucket(root):
        forget(root)
        if not root.is_file():
            prepare(root)
        return root
    return Path(os.path.abspath(root.expanduser()))


def readable(folder: Path) -> bool:
    """Whether a folder may be listed; a bucket says so when it is."""
    return in_bucket(folder) or os.access(folder, os.R_OK | os.X_OK)


def named_in(folder: Path, name: str) -> Path:
    """The file that a list in `folder` calls `name`: relative to the folder, absolute, or a URL."""
    return as_path(name) if is_url(name) else as_path(os.path.normpath(folder / name))


def visible(name: str) -> bool:
    """False for hidden names and for the folder that macOS adds to archives."""
    return not name.startswith(".") and name != "__MACOSX"


def folders_in(folder: Path) -> list[Path]:
    """The visible sub-folders of a folder, sorted by name; none if it cannot be read."""
    try:
        return sorted(p for p in folder.iterdir() if visible(p.name) and p.is_dir())
    except OSError:
        return []


def find_beside(root: Path, pattern: str) -> Path | None:
    """`root` or the first of its sub-folders that holds a file matching the glob `pattern`."""
    for folder in (root, *folders_in(root)):
        if any(visible(p.name) for p in folder.glob(pattern)):
            return folder
    return None


def find_class_folders(root: Path, classes: Iterable[str]) -> dict[str, Path]:
    """The class folders with videos in `root`, or in the one of its sub-folders that has most of them.

    Class folders without videos, such as those of extracted frames, are taken where there are no others.
    """
    wanted = {c.casefold(): c for c in classes}
    best: dict[str, Path] = {}
    best_rank = (0, 0)
    for folder in (root, *folders_in(root)):
        found = {wanted[p.name.casefold()]: p for p in folders_in(folder) if p.name.casefold() in wanted}
        rank = (sum(map(_holds_video, found.values())), len(found))
        if rank > best_rank:
            best, best_rank = found, rank
    return best


def _holds_video(folder: Path) -> bool:
    """Whether a video lies in the folder, or in a sub-folder of the same name (an unpacked archive)."""
    return any(
        entry.suffix.lower() in VIDEO_SUFFIXES
        for place in (folder, folder / folder.name)
        if place.is_dir() and readable(place)
        for entry in place.iterdir()
    )


def read_lines(path: Path) -> list[tuple[str, str]]:
    """The non-blank lines of a list file as ("NAME line NUMBER", stripped text)."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise UsageError(
            f"cannot read {path} ({error.strerror}); restore the dataset's official lists"
        ) from None
    lines = enumerate(text.splitlines(), 1)
    return [(f"{path.name} line {i}", line.strip()) for i, line in lines if line.strip()]
