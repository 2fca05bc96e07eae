"""Protocols as rounds: the datasets, split, that are trained on and tested one after the other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..datasets import LAYOUTS, Dataset, splits
from ..errors import UsageError
from ..recipe import Protocol
from ..types import VideoRecord

# Reads the data with its official split of that number; None leaves official splits out.
Load = Callable[[int | None], Dataset]

RANDOM, BY_GROUP = "random", "by group"
FOLDS = 5  # of the protocol `folds`, where it does not say how many


@dataclass(frozen=True, slots=True)
class Round:
    """One training and its test. `part` names the split, and is the same for every seed."""

    part: str
    dataset: Dataset
    seed: int

    @property
    def folder(self) -> str:
        """A folder name, unique among the rounds of a protocol."""
        plain = "".join(c if c.isalnum() else "-" for c in self.part)
        return f"{plain}-seed-{self.seed}"


def rounds(
    load: Load, protocol: Protocol, seed: int, *, split: int = 1, validation: bool = False
) -> list[Round]:
    """The rounds of a protocol, all those of the first seed first; seeds run from `seed` upwards.

    `split` is the official split of `kind: split`. `validation` keeps the validation people of the people
    split apart from the training people. Raises `UsageError` where the data does not fit the protocol.
    """
    return [
        Round(part, dataset, number)
        for number in range(seed, seed + protocol.seeds)
        for part, dataset in _parts(load, protocol, number, split, validation)
    ]


def union(made: Iterable[Round]) -> list[VideoRecord]:
    """Every record once: a training record if it is one in any round, since those have augmented versions."""
    found: dict[str, VideoRecord] = {}
    for one in made:
        for record in one.dataset.records:
            if record.id not in found or record.split == "train":
                found[record.id] = record
    return list(found.values())


def _parts(
    load: Load, protocol: Protocol, seed: int, split: int, validation: bool
) -> Iterable[tuple[str, Dataset]]:
    match protocol.kind:
        case "auto" | "split":
            return [(f"split {split}", splits.ensure_split(load(split), seed, protocol.test_fraction))]
        case "folds":
            return _folds(load(None), protocol.folds or FOLDS, seed)
        case "official_splits":
            return _official(load)
        case "leave_one_group_out":
            return _groups_out(load(None), protocol.folds, seed)
        case "people":
            dataset = load(None)
            records = splits.split_people(dataset.records, validation=validation)
            people = "8 train, 8 validation, 9 test" if validation else "16 train, 9 test"
            return [("people", dataset.with_split(records, f"KTH people ({people})"))]
        case "random":
            return [_random(load(None), protocol.test_fraction, seed)]
        case "random_and_group":
            return _random_and_group(load(None), protocol.test_fraction, seed)


def _official(load: Load) -> list[tuple[str, Dataset]]:
    first = load(1)
    count = LAYOUTS[first.layout].splits
    if count == 0:
        raise UsageError(
            f"layout {first.layout} has no official splits; choose another protocol, for example"
            " --set protocol.kind=leave_one_group_out"
        )
    return [("split 1", first), *((f"split {n}", load(n)) for n in range(2, count + 1))]


def _folds(dataset: Dataset, folds: int, seed: int) -> list[tuple[str, Dataset]]:
    parts = splits.stratified_folds(dataset.records, folds, seed)
    units = "whole groups" if dataset.groups else "files at random"
    warning = "no groups are known, so the folds are random: near-identical clips may be on both sides"
    warnings = [] if dataset.groups else [warning]
    return [(name, dataset.with_split(r, f"{name}, {units}, seed {seed}", *warnings)) for name, r in parts]


def _groups_out(dataset: Dataset, folds: int | None, seed: int) -> list[tuple[str, Dataset]]:
    if folds is not None:
        parts = list(splits.group_folds(dataset.records, folds, seed))
        return [(name, dataset.with_split(r, f"{name}, whole groups, seed {seed}")) for name, r in parts]
    parts = list(splits.leave_one_group_out(dataset.records))
    if len(parts) < 2:
        raise UsageError(
            f"leave-one-group-out needs two groups or more, {dataset.root} has {len(parts)};"
            " choose another protocol, for example --set protocol.kind=split"
        )
    return [(f"without {name}", dataset.with_split(r, f"tested on group {name} alone")) for name, r in parts]


def _random(dataset: Dataset, fraction: float, seed: int) -> tuple[str, Dataset]:
    """A random split, as some papers have it; where groups are known, the report counts those that leak."""
    records = splits.split_randomly(dataset.records, fraction, seed)
    return RANDOM, dataset.with_split(records, f"made at random ({fraction:.0%} test, seed {seed})")


def _random_and_group(dataset: Dataset, fraction: float, seed: int) -> list[tuple[str, Dataset]]:
    if not dataset.groups:
        raise UsageError(
            f"no groups are known in {dataset.root}, so none can be made by group;"
            " give a CSV with a group column, or --set protocol.kind=split"
        )
    share = f"{fraction:.0%} test, seed {seed}"
    by_group = splits.split_by_group(dataset.records, fraction, seed=seed)
    return [
        _random(dataset, fraction, seed),
        (BY_GROUP, dataset.with_split(by_group, f"made by group ({len(dataset.groups)} groups, {share})")),
    ]
