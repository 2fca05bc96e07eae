"""The result of reading a layout: labelled records, and remarks on what was unusual."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Self

from ..types import SPLITS, VideoRecord


@dataclass(frozen=True, slots=True)
class Dataset:
    """The videos of one data folder or CSV.

    `labels` is in the dataset's official order where there is one, else sorted, and holds only classes
    with at least one record. `absent` names the videos that a list mentions and that are not on disk.
    `split_source` says in words where the split comes from; it is empty while no record has a split.
    """

    layout: str
    root: Path
    labels: tuple[str, ...]
    records: Sequence[VideoRecord]
    absent: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    split_source: str = ""

    @property
    def title(self) -> str:
        """The dataset's name for people: its folder's, with the file's where a CSV lists it."""
        root = self.root.resolve()
        return f"{root.parent.name}/{root.name}" if self.layout == "csv" else root.name

    def part(self, split: str) -> tuple[VideoRecord, ...]:
        """The records of one split: "train", "val" or "test"."""
        return tuple(r for r in self.records if r.split == split)

    @property
    def has_split(self) -> bool:
        """Whether any record has been given to a split."""
        return any(r.split is not None for r in self.records)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that occur, in natural order."""
        return tuple(sorted({r.group for r in self.records if r.group is not None}, key=natural))

    def counts(self) -> dict[str, dict[str, int]]:
        """Records per class and split, `{label: {"train": n, "val": n, "test": n, "unsplit": n}}`."""
        found = Counter((r.label or "", r.split or "unsplit") for r in self.records)
        labels = dict.fromkeys((*self.labels, *(label for label, _ in found)))
        return {label: {s: found[label, s] for s in (*SPLITS, "unsplit")} for label in labels}

    def with_contents(self, digests: Mapping[Path, str]) -> Self:
        """The same dataset whose records carry the content of their files, where it is known."""
        return replace(self, records=tuple(replace(r, content=digests.get(r.path)) for r in self.records))

    def with_split(self, records: Iterable[VideoRecord], source: str, *warnings: str) -> Self:
        """The same dataset with its records split anew; `warnings` are added to those it has."""
        added = (*self.warnings, *warnings)
        return replace(self, records=tuple(records), split_source=source, warnings=added)


def present_labels(records: Iterable[VideoRecord], order: Iterable[str] = ()) -> tuple[str, ...]:
    """The labels that occur in `records`: those of `order` first and in that order, the others sorted."""
    found = {r.label for r in records if r.label is not None}
    known = [label for label in dict.fromkeys(order) if label in found]
    return (*known, *sorted(found.difference(known), key=natural))


def natural(text: str) -> list[tuple[int, str]]:
    """Sort key under which `clip2` comes before `clip10`."""
    return [(int(d), "") if d else (-1, w) for d, w in re.findall(r"([0-9]+)|([^0-9]+)", text)]


def shown_name(path: Path, root: Path) -> str:
    """`path` relative to `root` with POSIX separators; absolute where it lies outside.

    Bytes that are not valid text are shown as escapes, so that a name can always be written as UTF-8.
    """
    whole, above = str(path), _above(root)
    text = (whole[len(above) :] if whole.startswith(above) else whole).replace(os.sep, "/")
    return text if text.isascii() else os.fsencode(text).decode("utf-8", "backslashreplace")


@lru_cache(maxsize=64)
def _above(root: Path) -> str:
    return os.path.join(root, "")


def class_name(text: str) -> str:
    """The name of a class as it is compared: NFC, since systems may write one name as other code points."""
    return unicodedata.normalize("NFC", text)


def counted(number: int, noun: str) -> str:
    """`1 video`, `2 videos`, `2 classes`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def remark(names: Collection[str], noun: str, what: str) -> list[str]:
    """`["2 videos WHAT: a, b"]`, or nothing where there are no names."""
    return [f"{counted(len(names), noun)} {what}: {some(names)}"] if names else []


def some(names: Iterable[str], at_most: int = 3) -> str:
    """The first few names, and how many more there are: `a, b, c and 9 more`."""
    all_names = list(names)
    shown = ", ".join(all_names[:at_most])
    more = len(all_names) - at_most
    return f"{shown} and {more} more" if more > 0 else shown
