"""Layouts on disk -> labelled records, their splits, and checks that keep a score honest.

Here are the table of layouts and the one function that reads any of them. A new layout is one line here;
another package's is a `Layout` behind an entry point of the group `kinema.layouts`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import UsageError
from ..plugins import load_plugins
from ..types import VideoRecord
from . import csv_file, folder, hmdb51, kth, ucf11, ucf101
from .checks import check_trainable, find_duplicates, find_leaks
from .dataset import Dataset
from .files import data_root, readable
from .splits import carve_validation, ensure_split

__all__ = [
    "LAYOUTS",
    "Dataset",
    "carve_validation",
    "check_trainable",
    "ensure_split",
    "find_duplicates",
    "find_leaks",
    "load_dataset",
]


@dataclass(frozen=True, slots=True)
class Layout:
    """How one layout is recognised and read; `splits` is its number of official splits.

    `scan(root, split=number)` reads it with that official split, or without one where the number is None.
    Where it is `streamed`, `scan` also takes `found`, which is told every record of the dataset as soon as it
    is known to be one, in their order; the `records` of what it returns are then not asked for.
    """

    scan: Callable[..., Dataset]
    detect: Callable[[Path], bool]
    splits: int = 0
    streamed: bool = False


# In the order of detection: the most specific first, any folder last.
LAYOUTS: dict[str, Layout] = {
    "csv": Layout(csv_file.scan, lambda path: path.is_file(), streamed=True),
    "ucf101": Layout(ucf101.scan, ucf101.detect, splits=ucf101.SPLITS),
    "hmdb51": Layout(hmdb51.scan, hmdb51.detect, splits=hmdb51.SPLITS),
    "kth": Layout(kth.scan, kth.detect, splits=1),
    "kth_files": Layout(partial(kth.scan, whole_files=True), lambda path: False, splits=1),
    "ucf11": Layout(ucf11.scan, ucf11.detect),
    **load_plugins("layouts"),
    "folder": Layout(folder.scan, lambda path: path.is_dir(), streamed=True),
}


def load_dataset(
    data: str | Path,
    *,
    layout: str = "auto",
    split: int | None = 1,
    whole_files: bool = False,
    found: Callable[[VideoRecord], None] | None = None,
) -> Dataset:
    """The videos of a folder or CSV, with their labels, groups and, where there is one, their split.

    `layout` is a key of `LAYOUTS` or "auto"; with `whole_files` auto takes the layout's variant `X_files`
    where there is one. `split` is the number of an official split, None for no split. `found` is told the
    records of a streamed layout while they are found, and has to keep them. Raises `UsageError`.
    """
    root = data_root(data)
    _check_path(root, layout)
    detected = (name for name, known in LAYOUTS.items() if known.detect(root))
    name = next(detected) if layout == "auto" else layout
    if layout == "auto" and whole_files and f"{name}_files" in LAYOUTS:
        name = f"{name}_files"
    chosen = LAYOUTS[name]
    if split is not None and not 1 <= split <= max(1, chosen.splits):
        cure = f"choose 1 to {chosen.splits}" if chosen.splits > 1 else "leave --split out"
        raise UsageError(f"layout {name} has no split {split}; {cure}")
    if found is not None and chosen.streamed:
        return chosen.scan(root, split=split, found=found)
    return chosen.scan(root, split=split)


def _check_path(root: Path, layout: str) -> None:
    if layout not in ("auto", *LAYOUTS):
        raise UsageError(f"unknown layout '{layout}'; choose auto, {', '.join(LAYOUTS)}")
    if not root.exists():
        raise UsageError(f"{root} does not exist; give a folder of videos or a CSV file")
    if root.is_dir() and not readable(root):
        raise UsageError(f"{root} cannot be read; check the rights of the folder")
    if not root.is_dir() and (root.suffix.lower() != ".csv" or layout not in ("auto", "csv")):
        raise UsageError(f"{root} is a file; give a folder of videos, or a .csv file with layout csv")
    if root.is_dir() and layout == "csv":
        raise UsageError(f"{root} is a folder; layout csv needs the path of the .csv file")
