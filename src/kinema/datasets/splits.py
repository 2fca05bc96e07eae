"""Splits as pure functions on records: by group, at random, leave one group out, k folds, by people.

Clips of one group (an actor, a source video, a camera session) must not be in train and in test, nor must
copies of one file, where records carry their content. NumPy is loaded by what chooses units.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from ..errors import UsageError
from ..types import VideoRecord
from .dataset import Dataset, counted, natural, some
from .units import file_units, group_units

Data = TypeVar("Data", bound=Dataset)
_GROUP = re.compile(r"(?:^|[_\W])(g\d{2,3}|person_?\d{1,3})(?=[_\W]|$)", re.IGNORECASE)

# The people of the KTH actions dataset, as its 00sequences.txt gives them.
KTH_PEOPLE: Mapping[str, tuple[int, ...]] = {
    "train": (11, 12, 13, 14, 15, 16, 17, 18),
    "val": (19, 20, 21, 23, 24, 25, 1, 4),
    "test": (22, 2, 3, 5, 6, 7, 8, 9, 10),
}


def infer_group(name: str) -> str | None:
    """The group that a file name holds: `v_Surfing_g07_c02.avi` -> `g07`, `person03_a.avi` -> `person03`."""
    found = _GROUP.search(name.replace("\\", "/").rpartition("/")[2])
    return found[1].lower().replace("_", "") if found else None


def split_by_group(
    records: Sequence[VideoRecord], test_fraction: float = 0.25, seed: int = 0
) -> list[VideoRecord]:
    """Train and test without a common group, every class in both and as near to the fraction as groups allow.

    Records without a group count as groups of their own. Raises `UsageError` for a class with a single group.
    """
    from .balance import choose_units

    _refuse_single_groups(records)
    return _tested(records, choose_units(group_units(records), _labels(records), test_fraction, seed))


def split_randomly(
    records: Sequence[VideoRecord], test_fraction: float = 0.25, seed: int = 0
) -> list[VideoRecord]:
    """A random split, stratified by class, that ignores groups; parts of one file stay together."""
    from .balance import choose_units

    chosen = choose_units(file_units(records), _labels(records), test_fraction, seed)
    return _tested(records, chosen)


def carve_validation(records: Sequence[VideoRecord], fraction: float, seed: int = 0) -> list[VideoRecord]:
    """Moves about `fraction` of the training records to "val", by whole groups; no class leaves train.

    Returns the records unchanged if the fraction is 0 or if there are validation records already.
    """
    train = [i for i, r in enumerate(records) if r.split == "train"]
    if fraction <= 0 or not train or any(r.split == "val" for r in records):
        return list(records)
    from .balance import choose_units

    part = [records[i] for i in train]
    chosen = choose_units(group_units(part), _labels(part), fraction, seed)
    moved = {i for i, c in zip(train, chosen, strict=True) if c}
    return [replace(r, split="val") if i in moved else r for i, r in enumerate(records)]


def leave_one_group_out(records: Sequence[VideoRecord]) -> Iterator[tuple[str, list[VideoRecord]]]:
    """One (group, records) per group in natural order: that group is "test", all others are "train"."""
    _refuse_ungrouped(records, "leave-one-group-out")
    units = group_units(records)
    for group in sorted(set(units), key=natural):
        yield group, _tested(records, [unit == group for unit in units])


def group_folds(
    records: Sequence[VideoRecord], folds: int, seed: int = 0
) -> Iterator[tuple[str, list[VideoRecord]]]:
    """K folds of whole groups, balanced by class: ("fold 1 of k", records), each fold once as "test"."""
    from .balance import assign_folds

    _refuse_ungrouped(records, "cross-validation by group")
    groups = group_units(records)
    if not 2 <= folds <= len(set(groups)):
        raise UsageError(
            f"{folds} folds cannot be made of {len(set(groups))} groups; choose from 2 to {len(set(groups))}"
        )
    fold_of = assign_folds(groups, _labels(records), folds, seed)
    for k in range(folds):
        yield f"fold {k + 1} of {folds}", _tested(records, [fold == k for fold in fold_of])


def stratified_folds(
    records: Sequence[VideoRecord], folds: int = 5, seed: int = 0
) -> list[tuple[str, list[VideoRecord]]]:
    """Up to `folds` folds of whole groups or files, balanced by class: ("fold 1 of k", records).

    Every video is tested once, but for those that `keep_classes` keeps in training. Raises `UsageError`
    where no video can be tested so.
    """
    if not records:
        return []
    from .balance import assign_folds

    units = group_units(records)
    fold_of = assign_folds(units, _labels(records), min(folds, len(set(units))), seed)
    parts = [keep_classes(_tested(records, [fold == k for fold in fold_of])) for k in sorted(set(fold_of))]
    parts = [part for part in parts if any(r.split == "test" for r in part)]
    if not parts:
        raise UsageError(
            "every class has a single video or group, so none can be tested by a model that knows its class;"
            " add videos of another group to each class"
        )
    return [(f"fold {k} of {len(parts)}", part) for k, part in enumerate(parts, start=1)]


def keep_classes(records: Sequence[VideoRecord]) -> list[VideoRecord]:
    """The same records; where a class is tested and not trained on, one unit of it goes back to train."""
    units, kept = group_units(records), list(records)
    for label in dict.fromkeys(r.label for r in records if r.split == "test"):
        own = [i for i, r in enumerate(kept) if r.label == label]
        if not any(kept[i].split == "train" for i in own):
            unit = next(units[i] for i in own if kept[i].split == "test")
            kept = [
                replace(r, split="train") if u == unit and r.split == "test" else r
                for r, u in zip(kept, units, strict=True)
            ]
    return kept


def split_people(records: Sequence[VideoRecord], *, validation: bool = True) -> list[VideoRecord]:
    """The KTH split by people, `person01` to `person25`; without `validation` those people train as well."""
    of_person = {f"person{n:02d}": split for split, people in KTH_PEOPLE.items() for n in people}
    strange = sorted({r.group or r.name for r in records} - of_person.keys())
    if strange:
        raise UsageError(
            f"the people split needs groups person01 to person25, got {some(strange)};"
            " choose another protocol, for example protocol.kind=leave_one_group_out"
        )
    split = [replace(r, split=of_person[r.group or ""]) for r in records]
    return split if validation else merge_validation(split)


def merge_validation(records: Iterable[VideoRecord]) -> list[VideoRecord]:
    """The same records with validation given back to train."""
    return [replace(r, split="train") if r.split == "val" else r for r in records]


def ensure_split(dataset: Dataset, seed: int = 0, test_fraction: float = 0.25) -> Dataset:
    """The dataset with a train and a test split, and `split_source` saying in words where it comes from.

    A split that is there is kept; a validation split without a test split serves as test. Otherwise
    one is made by group where groups are known, else at random with a warning.
    """
    splits = {r.split for r in dataset.records} - {None}
    if splits == {"train", "val"}:
        return validation_as_test(dataset)
    if splits or not dataset.records:
        return dataset
    share = f"{test_fraction:.0%} test, seed {seed}"
    if not dataset.groups:
        warning = "no groups are known, so the split is random: near-identical clips may be on both sides"
        records = split_randomly(dataset.records, test_fraction, seed)
        return dataset.with_split(records, f"made at random ({share})", warning)
    records = split_by_group(dataset.records, test_fraction, seed=seed)
    lone = sum(r.group is None for r in records)
    warning = f"{counted(lone, 'video')} of no known group: each is taken as a group of its own"
    source = f"made by group ({len(dataset.groups)} groups, {share})"
    return dataset.with_split(records, source, *([warning] if lone else []))


def validation_as_test(dataset: Data) -> Data:
    """The dataset whose validation videos are its test set, since it has none."""
    moved = [replace(r, split="test") if r.split == "val" else r for r in dataset.records]
    warning = "there is a validation split and no test split: the validation videos are the test set"
    return dataset.with_split(moved, f"{dataset.split_source}, validation as test", warning)


def _tested(records: Sequence[VideoRecord], chosen: Iterable[bool]) -> list[VideoRecord]:
    """The chosen records as test, the others as train."""
    return [replace(r, split="test" if c else "train") for r, c in zip(records, chosen, strict=True)]


def _labels(records: Sequence[VideoRecord]) -> list[str]:
    return [r.label or "" for r in records]


def _refuse_ungrouped(records: Sequence[VideoRecord], what: str) -> None:
    lone = [r.name for r in records if r.group is None]
    if lone:
        raise UsageError(
            f"{what} needs a group for every video, {len(lone)} have none ({some(lone)});"
            " name them like x_g01_c01.avi, or give a CSV with a group column"
        )
    _refuse_single_groups(records)


def _refuse_single_groups(records: Sequence[VideoRecord]) -> None:
    groups: dict[str, set[str]] = {}
    for label, group in zip(_labels(records), group_units(records), strict=True):
        groups.setdefault(label, set()).add(group)
    single = [f"'{label}'" for label, found in groups.items() if len(found) == 1]
    if single:
        raise UsageError(
            f"class {some(single)} has a single group, so it cannot be in both train and test without a leak;"
            " add videos of another group, leave the class out, or give the split yourself in a CSV"
        )
