"""Checks before training: datasets that cannot be used, and leaks and duplicates that raise a score."""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..errors import UsageError
from ..types import VideoRecord
from .dataset import Dataset, counted, natural, remark, some
from .units import any_copies

# UCF's group numbers start again in every class: g01 of two classes are two groups.
_PER_CLASS = re.compile(r"g\d+")


SHOWN = 4  # names of identical files that one line has


@dataclass(frozen=True, slots=True)
class Leak:
    """A group with videos in train and in test; `label` is set where group names start again per class.

    `same_class` is False where no class has the group on both sides: a source video that shows one
    action in train and another in test, as in HMDB51's official splits.
    """

    group: str
    label: str | None
    train: int
    test: int
    same_class: bool


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Files of identical content, by name, with all splits and labels that they have."""

    names: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The first few names, and how many more there are."""
        more = f" and {len(self.names) - SHOWN} more" if len(self.names) > SHOWN else ""
        return " = ".join(self.names[:SHOWN]) + more

    @property
    def across_splits(self) -> bool:
        """One of them is trained on and another one tested on."""
        return len(self.splits) > 1

    @property
    def conflicting(self) -> bool:
        """They carry different labels."""
        return len(self.labels) > 1


def check_trainable(dataset: Dataset) -> list[str]:
    """Raises `UsageError` where training or its evaluation would be meaningless; returns warnings.

    One content under two labels is refused in a folder or CSV of the user's own; published lists are kept.
    """
    records = dataset.records
    if not records:
        raise UsageError(f"no videos in {dataset.root}; put them in one folder per class")
    unlabelled = [r.name for r in records if r.label is None]
    if unlabelled:
        raise UsageError(
            f"{counted(len(unlabelled), 'video')} without a label ({some(unlabelled)});"
            " put videos in one folder per class, or give a CSV with a label column"
        )
    labels = {r.label or "" for r in records}
    if len(labels) == 1:
        raise UsageError(
            f"there is one class only, '{labels.pop()}'; add a folder with videos of another class,"
            " or use `kinema anomaly fit` for one-class data"
        )
    contradictions = find_contradictions(records) if dataset.layout in ("folder", "csv") else []
    if contradictions:
        first, other = contradictions[0]
        more = f" (and {counted(len(contradictions) - 1, 'more pair')})" if len(contradictions) > 1 else ""
        raise UsageError(
            f"{first.id} and {other.id} have the same content but different labels, '{first.label}' and"
            f" '{other.label}'{more}; remove one of them or give both one label"
        )
    for split in ("train", "test"):
        if not dataset.part(split):
            raise UsageError(
                f"the {split} split of {dataset.root} is empty; add {split} videos,"
                " or give no split at all and one is made"
            )
    _refuse_unknown(dataset, "val")
    _refuse_unknown(dataset, "test")
    tested = {r.label for r in dataset.part("test")}
    return remark([label for label in dataset.labels if label not in tested], "class", "without test videos")


def _refuse_unknown(dataset: Dataset, split: str) -> None:
    trained, asked = ({r.label or "" for r in dataset.part(part)} for part in ("train", split))
    find_unknown(asked, trained, split, "training videos")


def find_unknown(asked: Collection[str], trained: Collection[str], split: str, what: str) -> None:
    """Raises `UsageError` where a class of `split` is not among the `trained` ones: no `what` is there."""
    unknown = sorted(set(asked).difference(trained), key=natural)
    if unknown:
        near = difflib.get_close_matches(unknown[0].lower(), [t.lower() for t in trained], n=1)
        hint = [t for t in sorted(trained) if t.lower() in near]
        guess = f" (is it '{hint[0]}'?)" if hint else ""
        raise UsageError(
            f"class {some(map(repr, unknown))} of the {split} split has no {what}{guess};"
            f" add some to train, or take the class out of {split}"
        )


def find_leaks(records: Iterable[VideoRecord]) -> list[Leak]:
    """Groups that train and test share, in natural order: their score is too high."""
    seen: dict[tuple[str, str | None], dict[str, Counter[str | None]]] = {}
    for record in records:
        if record.group is not None and record.split in ("train", "test"):
            key = (record.group, record.label if _PER_CLASS.fullmatch(record.group) else None)
            seen.setdefault(key, {"train": Counter(), "test": Counter()})[record.split][record.label] += 1
    leaks = [
        Leak(
            group,
            label,
            on["train"].total(),
            on["test"].total(),
            not on["train"].keys().isdisjoint(on["test"]),
        )
        for (group, label), on in seen.items()
        if on["train"] and on["test"]
    ]
    return sorted(leaks, key=lambda leak: (natural(leak.group), natural(leak.label or "")))


def remarks(leaks: Iterable[Leak], duplicates: Iterable[Duplicate]) -> list[str]:
    """What makes a score too high or a training contradictory: a line a kind, with count and first names."""
    leaks, duplicates = list(leaks), list(duplicates)
    kinds = {
        "groups in train and in test, so the score is too high": [_group(k) for k in leaks if k.same_class],
        "groups in train under one class and in test under another": [
            _group(k) for k in leaks if not k.same_class
        ],
        "identical files in different splits": [d.shown for d in duplicates if d.across_splits],
        "identical files with different labels": [d.shown for d in duplicates if d.conflicting],
    }
    return [f"{kind} ({len(names)}): {some(names)}" for kind, names in kinds.items() if names]


def _group(leak: Leak) -> str:
    return f"{leak.label} {leak.group}" if leak.label else leak.group


def find_contradictions(records: Sequence[VideoRecord]) -> list[tuple[VideoRecord, VideoRecord]]:
    """Pairs of one content and the same part of it under different labels, a video with its first such."""
    if not any_copies(records):
        return []
    first: dict[tuple[str, str], VideoRecord] = {}
    pairs = []
    for record in records:
        if record.content is not None:
            known = first.setdefault((record.content, record.part), record)
            if known.label != record.label:
                pairs.append((known, record))
    return pairs


def find_duplicates(records: Sequence[VideoRecord]) -> list[Duplicate]:
    """Files of identical content. Parts of one file are not duplicates of each other."""
    if not any_copies(records):
        return []
    found: dict[str, tuple[dict[str, None], set[str], set[str]]] = {}  # names, splits and labels by content
    for record in records:
        if record.content is not None:
            names, splits, labels = found.setdefault(record.content, ({}, set(), set()))
            names[record.name] = None
            splits.update([record.split] if record.split else [])
            labels.update([record.label] if record.label else [])
    return [
        Duplicate(tuple(names), tuple(sorted(splits)), tuple(sorted(labels)))
        for names, splits, labels in found.values()
        if len(names) > 1
    ]
