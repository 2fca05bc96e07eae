"""Stored features and segments joined: what training and evaluation of timelines read."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..datasets.dataset import remark
from ..datasets.timeline import TimelineSet
from ..extraction.extracted import Extracted
from ..features.stored import read_sequence
from ..model.smoothing import step_seconds
from ..training.lanes import TimelineItem
from ..training.targets import record_targets
from ..types import VideoRecord


def fitted_to_files(dataset: TimelineSet, extracted: Extracted) -> tuple[TimelineSet, list[str]]:
    """The dataset of the files that could be read, its segments cut to them; and what was met.

    A file lasts until its last step has. Segments shorter than a step, and classes that are on all the time,
    are told: the first are learned at the nearest step, of the second there is nothing to learn.
    """
    stream = next(iter(extracted.streams))
    usable = replace(dataset, records=tuple(extracted.records), warnings=())
    lengths, short = {}, []
    for record in usable.records:
        times = extracted.sequence(record, stream).pts_seconds
        step = step_seconds(times)
        lengths[record.name] = float(times[-1]) + step if len(times) else 0.0
        short += [record.name for s in usable.marked.get(record.name, ()) if s.seconds < step]
    fitted = usable.fitted(lengths)
    told = [*fitted.warnings, *remark(sorted(set(short)), "file", "with segments shorter than a step")]
    fitted = replace(fitted, warnings=dataset.warnings)
    return fitted, [*told, *_always_on(fitted, lengths)]


def _always_on(dataset: TimelineSet, lengths: dict[str, float]) -> list[str]:
    total = sum(lengths.values())
    names = [
        label
        for label in dataset.labels
        if total
        and sum(s.seconds for r in dataset.records for s in dataset.segments(r) if s.label == label)
        > ALWAYS * total
    ]
    return remark(names, "class", "on nearly all the time, of which nothing can be learned")


ALWAYS = 0.98  # of all time: nothing is left that tells the class from background


def timeline_items(
    dataset: TimelineSet, records: Sequence[VideoRecord], extracted: Extracted, border: float
) -> list[TimelineItem]:
    """One item a file that has steps, in the order of `records`."""
    stream = next(iter(extracted.streams))
    items = []
    for record in records:
        path = extracted.paths(record)[stream]
        times = read_sequence(path).pts_seconds
        if not len(times):
            continue
        targets = record_targets(dataset, record, times, border, step_seconds(times))
        unit = f"group {record.group}" if record.group is not None else f"file {record.path}"
        known = np.ones(len(times), bool)
        items.append(TimelineItem(path, times, targets, known, dataset.segments(record), unit))
    return items
