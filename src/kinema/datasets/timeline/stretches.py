"""Timelines -> clips of one class each, by which a backbone can be trained."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ...types import Segment, VideoRecord
from ..dataset import Dataset
from .timeline_set import TimelineSet

# Not the name of anybody's class.
BACKGROUND = "(background)"
# A class shows in its middle; longer stretches would only weigh more.
SHORTEST_SECONDS, LONGEST_SECONDS = 0.5, 3.0


def stretches(dataset: TimelineSet) -> Dataset:
    """The files cut into parts in which one class is on, or none: the class after all others, `BACKGROUND`.

    Longer parts are cut to their middle three seconds. Where two classes are on at once there is no part, and
    none behind a file's last mark, as nobody has said yet how long the file is.
    """
    records = [
        replace(record, label=label, start_seconds=start, end_seconds=end)
        for record in dataset.records
        for label, start, end in _parts(record, dataset.segments(record))
    ]
    return Dataset(
        dataset.layout,
        dataset.root,
        (*dataset.labels, BACKGROUND),
        tuple(records),
        split_source=dataset.split_source,
    )


def _parts(record: VideoRecord, segments: Sequence[Segment]) -> Iterator[tuple[str, float, float]]:
    """(label, start, end) of each part of one file."""
    if not segments:
        yield BACKGROUND, 0.0, LONGEST_SECONDS
    edges = sorted({0.0, *(s.start_seconds for s in segments), *(s.end_seconds for s in segments)})
    for start, end in pairwise(edges):
        on = [s.label for s in segments if s.start_seconds <= start and end <= s.end_seconds]
        if len(on) > 1 or end - start < SHORTEST_SECONDS:
            continue
        if end == float("inf"):
            end = start + LONGEST_SECONDS
        spare = max(0.0, end - start - LONGEST_SECONDS) / 2
        yield (on or [BACKGROUND])[0], start + spare, end - spare
