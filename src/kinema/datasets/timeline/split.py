"""Splits of timelines by whole files or groups, and what cannot be trained on."""

from dataclasses import replace

from ...errors import UsageError
from ..balance import choose_units
from ..checks import find_unknown
from ..dataset import counted, remark
from ..splits import validation_as_test
from ..units import file_units, group_units
from .timeline_set import TimelineSet


def ensure_timeline_split(dataset: TimelineSet, seed: int = 0, test_fraction: float = 0.25) -> TimelineSet:
    """The dataset with train and test, as `ensure_split` makes them: by group where groups are known.

    Every class has as near to the fraction of its segments in test as whole files allow, and stays in train.
    """
    splits = {r.split for r in dataset.records} - {None}
    if splits == {"train", "val"}:
        return validation_as_test(dataset)
    if splits or not dataset.records:
        return dataset
    grouped = bool(dataset.groups)
    units = group_units(dataset.records) if grouped else file_units(dataset.records)
    if len(set(units)) < 2:
        what = "group" if grouped else "file"
        raise UsageError(
            f"a timeline needs two {what}s or more, so that one can be tested; add another {what}"
        )
    marks = [
        (unit, segment.label)
        for unit, record in zip(units, dataset.records, strict=True)
        for segment in dataset.segments(record)
    ]
    marks += [(unit, "") for unit in units]  # files without segments count too
    own, labels = [unit for unit, _ in marks], [label for _, label in marks]
    chosen = dict(zip(own, choose_units(own, labels, test_fraction, seed), strict=True))
    records = [
        replace(r, split="test" if chosen[u] else "train")
        for r, u in zip(dataset.records, units, strict=True)
    ]
    share = f"{test_fraction:.0%} test, seed {seed}"
    source = (
        f"made by group ({len(dataset.groups)} groups, {share})" if grouped else f"made of files ({share})"
    )
    warning = [] if grouped else ["no groups are known, so whole files are split at random"]
    return dataset.with_split(records, source, *warning)


def check_timelines(dataset: TimelineSet) -> list[str]:
    """Raises `UsageError` where training or its evaluation would be meaningless; returns warnings."""
    if not dataset.labels:
        raise UsageError(
            f"{dataset.root} marks no segment in a video that exists; mark some with start and end"
        )
    of_split = {
        split: {s.label for r in dataset.part(split) for s in dataset.segments(r)}
        for split in ("train", "val", "test")
    }
    for split in ("train", "test"):
        if not of_split[split]:
            raise UsageError(
                f"no file of the {split} split of {dataset.root} has a segment; add files that have,"
                " or give no split at all and one is made"
            )
    for split in ("val", "test"):
        find_unknown(of_split[split], of_split["train"], split, "training segments")
    left = [label for label in dataset.labels if label not in of_split["test"]]
    few = [
        label
        for label, row in dataset.counts().items()
        if row["train"] < FEWEST and label in of_split["train"]
    ]
    return remark(left, "class", "without segments in test") + remark(
        few, "class", f"with fewer than {counted(FEWEST, 'segment')} to learn from"
    )


FEWEST = 5
