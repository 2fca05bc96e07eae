"""The folder layout: `root/class/*`, or `root/{train,val,test}/class/*`."""

from collections.abc import Callable
from pathlib import Path

from ..errors import UsageError
from ..types import VideoRecord
from .dataset import Dataset, class_name, natural, shown_name, some
from .files import VIDEO_SUFFIXES, Listing, each_video, folders_in, visible
from .splits import infer_group

_NAMES = {"train": "train training", "val": "val valid validation", "test": "test testing"}
SPLIT_FOLDERS = {name: split for split, names in _NAMES.items() for name in names.split()}


def scan(
    root: Path, *, split: int | None = None, found: Callable[[VideoRecord], None] | None = None
) -> Dataset:
    """Reads a folder of class folders; `split` has no meaning here.

    `found` is told each record at once; who gives it keeps them, and the dataset has none.

    A class is the name of a folder directly below `root` (or below its split folders), in NFC; videos may lie
    in deeper folders. Groups are taken from file names (`_g07_`, `person03_`). A folder that holds videos and
    no class folders gives unlabelled records. Raises `UsageError` where there is nothing to read.
    """
    warnings: list[str] = []
    kept: list[VideoRecord] = []
    tell, listing = found or kept.append, Listing()
    labels: dict[str, None] = {}
    split_folders = _split_folders(root, warnings)
    for part, folder in split_folders:
        empty = []
        for class_folder in folders_in(folder):
            label, number = class_name(class_folder.name), 0
            for path in each_video(class_folder, listing):
                tell(_record(root, path, label, part))
                number += 1
            if number:
                labels[label] = None
            else:
                empty.append(shown_name(class_folder, root))
        if empty:
            warnings.append(f"class folders without videos, left out: {some(empty)}")
        if strays := [shown_name(path, root) for path in _loose_videos(folder)]:
            warnings.append(f"videos outside any class folder are left out: {some(strays)}")
    if not labels:
        loose = _loose_videos(root)
        if not loose:
            raise UsageError(f"no videos in {root}; put them in one folder per class, {root}/CLASS/VIDEO")
        warnings = ["the videos lie in no class folders: they have no labels"]
        for path in loose:
            tell(_record(root, path, None, None))
    return Dataset(
        layout="folder",
        root=root,
        labels=tuple(sorted(labels, key=natural)),
        records=tuple(kept),
        warnings=(*warnings, *listing.warnings()),
        split_source="split folders" if labels and split_folders[0][0] else "",
    )


def _split_folders(root: Path, warnings: list[str]) -> list[tuple[str | None, Path]]:
    """(split, folder that holds class folders), one entry without split if the split is not on disk.

    Folders named like splits are splits if each holds sub-folders and there are at least two of them,
    or nothing else: so a class may be called "train".
    """
    folders = folders_in(root)
    named = [(SPLIT_FOLDERS[f.name.lower()], f) for f in folders if f.name.lower() in SPLIT_FOLDERS]
    alone = len(named) == len(folders)
    if not named or not (len(named) > 1 or alone) or not all(folders_in(f) for _, f in named):
        return [(None, root)]
    if not alone:
        others = [f.name for f in folders if f.name.lower() not in SPLIT_FOLDERS]
        warnings.append(f"folders beside train, val and test are left out: {some(others)}")
    return list(named)


def _loose_videos(folder: Path) -> list[Path]:
    videos = (p for p in folder.iterdir() if visible(p.name) and p.suffix.lower() in VIDEO_SUFFIXES)
    return sorted(p for p in videos if not p.is_dir())


def _record(root: Path, path: Path, label: str | None, split: str | None) -> VideoRecord:
    name = shown_name(path, root)
    return VideoRecord(path=path, label=label, group=infer_group(name), split=split, name=name)
