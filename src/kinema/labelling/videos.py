"""The videos that are labelled, and which of them a row of a label file means."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..datasets.csv_file import csv_rows
from ..datasets.dataset import natural, shown_name
from ..datasets.files import list_videos
from ..errors import UsageError


@dataclass(frozen=True, slots=True)
class LabelVideo:
    """A video, what people call it, and how a new row of the label file names it."""

    path: Path
    name: str
    written: str


class LabelVideos(Sequence[LabelVideo]):
    """Videos in natural order of their names, numbered from 0."""

    def __init__(self, paths: Iterable[Path], labels: Path):
        folder = Path(os.path.realpath(labels)).parent
        real = sorted(
            dict.fromkeys(Path(os.path.abspath(path)) for path in paths), key=lambda p: natural(str(p))
        )
        root = Path(os.path.commonpath([path.parent for path in real])) if real else folder
        self._all = [LabelVideo(path, shown_name(path, root), _written(path, folder)) for path in real]
        self._folder = folder
        self._by_path = {os.path.realpath(video.path): i for i, video in enumerate(self._all)}
        self._by_name: dict[str, set[int]] = {}
        for i, video in enumerate(self._all):
            for key in (video.path.name, video.path.stem):
                self._by_name.setdefault(key, set()).add(i)

    def __getitem__(self, number):  # type: ignore[no-untyped-def]
        return self._all[number]

    def __len__(self) -> int:
        return len(self._all)

    def number(self, named: str) -> int | None:
        """The number of the video that a row calls `named`, as the reader of the file would find it."""
        found = self._by_path.get(os.path.realpath(self._folder / named))
        if found is not None:
            return found
        short = named.replace("\\", "/").rpartition("/")[2]
        for key in (short, short.rpartition(".")[0] or short):
            if len(places := self._by_name.get(key, set())) == 1:
                return next(iter(places))
        return None


def videos_of(data: Path, labels: Path) -> LabelVideos:
    """The videos in a folder (and the folders in it), of a CSV that names some, or one file.

    Raises `UsageError` where there is none.
    """
    if not data.exists():
        raise UsageError(f"{data} does not exist; give a folder of videos")
    if data.is_dir():
        paths = list_videos(data).videos
    elif data.suffix.lower() == ".csv":
        names = dict.fromkeys(row["file_name"].strip() for _, row in csv_rows(data, []))
        paths = [path for name in names if name and (path := data.parent / name).is_file()]
    else:
        paths = [data]
    if not paths:
        raise UsageError(f"{data} has no video to label; give a folder of videos")
    return LabelVideos(paths, labels)


def _written(path: Path, folder: Path) -> str:
    """Relative to the label file's folder where it lies below, so that both can be moved together."""
    try:
        return Path(os.path.realpath(path)).relative_to(folder).as_posix()
    except ValueError:
        return path.as_posix()
