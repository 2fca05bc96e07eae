"""Whole files with the segments that were marked in them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from ...types import SPLITS, Segment, VideoRecord
from ..dataset import Dataset, counted, remark, some

Spans = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class TimelineSet(Dataset):
    """A dataset whose records are whole files without a label; time that nobody marked is background.

    `marked` holds the segments of each file by the record's name, as they were given; a file without any is
    all background. `annotators` names who looked at a file, where it is several.
    """

    marked: Mapping[str, tuple[Segment, ...]] = field(default_factory=dict)
    annotators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def segments(self, record: VideoRecord) -> tuple[Segment, ...]:
        """What counts as true, in order: the marks of one class joined where they touch or overlap.

        Of several annotators, what more than half of them marked.
        """
        watchers = self.watchers(record)
        found = []
        for label in self.labels:
            spans = [self.spans(record, label, who) for who in watchers]
            found += [Segment(label, *span) for span in agreed(spans)]
        return tuple(sorted(found, key=lambda s: (s.start_seconds, s.end_seconds, s.label)))

    def watchers(self, record: VideoRecord) -> tuple[str, ...]:
        """Who looked at a file: one at least."""
        return self.annotators.get(record.name) or ("",)

    def spans(self, record: VideoRecord, label: str, annotator: str) -> Spans:
        """(start, end) of what one annotator marked as one class, joined, in order."""
        own = [
            (s.start_seconds, s.end_seconds)
            for s in self.marked.get(record.name, ())
            if s.label == label and s.annotator == annotator
        ]
        return joined(own)

    def counts(self) -> dict[str, dict[str, int]]:
        """Segments per class and split."""
        found = Counter((s.label, r.split or "unsplit") for r in self.records for s in self.segments(r))
        return {label: {s: found[label, s] for s in (*SPLITS, "unsplit")} for label in self.labels}

    def fitted(self, seconds: Mapping[str, float]) -> "TimelineSet":
        """Segments cut to the lengths of their files, by name; those outside are left out, and counted.

        A file whose length is not known keeps its segments.
        """
        marked, outside, cut = {}, [], []
        for name, segments in self.marked.items():
            length = seconds.get(name)
            if length is None:
                marked[name] = segments
                continue
            inside = [s for s in segments if s.start_seconds < length]
            outside += [name] * (len(segments) - len(inside))
            cut += [name for s in inside if length + SLACK < s.end_seconds < float("inf")]
            marked[name] = tuple(replace(s, end_seconds=min(s.end_seconds, length)) for s in inside)
        warnings = [
            *_told(outside, "segment", "outside their file, left out"),
            *_told(cut, "segment", "longer than their file, cut at its end"),
        ]
        return replace(self, marked=marked, warnings=(*self.warnings, *warnings))

    def disputed(self) -> list[str]:
        """A warning that names the files whose annotators contradict each other, with how far they agree."""
        agreement = {
            r.name: _agreement(self, r) for r in self.records if len(self.watchers(r)) > 1
        }  # fmt: skip
        bad = [f"{name} ({share:.0%})" for name, share in agreement.items() if share < AGREE]
        return remark(
            bad, "file", f"whose annotators agree on less than {AGREE:.0%} of what any of them marked"
        )


# Of what annotators marked, the share that all of them did: below it they mean different things.
AGREE = 0.5
# Annotations are rounded: an end this much beyond the file's is not told (seconds).
SLACK = 0.5


def joined(spans: Iterable[tuple[float, float]]) -> Spans:
    """Spans in order, those that touch or overlap made one.

    >>> joined([(5, 6), (0, 2), (1, 3), (3, 4)])
    [(0, 4), (5, 6)]
    """
    found: Spans = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def agreed(of_each: Sequence[Spans]) -> Spans:
    """Where more than half of the lists have a span; each list is in order and without overlaps.

    >>> agreed([[(0, 4)], [(1, 6)], [(3, 5)]])
    [(1, 5)]
    """
    return joined(_at_least(of_each, len(of_each) // 2 + 1))


def _at_least(of_each: Sequence[Spans], number: int) -> Iterator[tuple[float, float]]:
    edges = sorted(edge for spans in of_each for start, end in spans for edge in ((start, 1), (end, -1)))
    level, since = 0, 0.0
    for time, steps in groupby(edges, key=lambda edge: edge[0]):
        before, level = level, level + sum(step for _, step in steps)
        if before < number <= level:
            since = time
        elif level < number <= before:
            yield since, time


def _agreement(data: TimelineSet, record: VideoRecord) -> float:
    """The time that all annotators marked alike over the time that any of them marked, over all classes."""
    watchers, alike, any_of_them = data.watchers(record), 0.0, 0.0
    for label in data.labels:
        spans = [data.spans(record, label, who) for who in watchers]
        alike += sum(end - start for start, end in _at_least(spans, len(spans)))
        any_of_them += sum(end - start for start, end in joined(s for own in spans for s in own))
    return alike / any_of_them if any_of_them else 1.0


def _told(names: Sequence[str], noun: str, what: str) -> list[str]:
    """`remark` for things of which a file may have several: counts them, names the files."""
    files = dict.fromkeys(names)
    return [f"{counted(len(names), noun)} {what}: in {some(files)}"] if names else []
