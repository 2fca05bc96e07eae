"""Segments as they happen: the rule of `smoothing.py`, one step at a time, in constant memory.

What `SegmentFollower` reports of the steps of a file is what `find_segments` finds in them at once (one-way).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..types import Segment
from .smoothing import CLOSE, Smoothing, step_seconds

# Distances of steps that are remembered: their median is how long the last step of all lasts.
REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Change:
    """A segment that opens, is reported once it has lasted the shortest duration, and closes.

    One that does not last is dropped. `seconds` is the time of the step that says so; the segment is as far
    as it has come.
    """

    kind: Literal["opened", "reported", "closed", "dropped"]
    segment: Segment
    seconds: float


@dataclass(slots=True)
class _Span:
    """A segment under way: until where it was on, and the sum and number of its scores until there."""

    start: float
    end: float
    total: float = 0.0
    steps: int = 0
    waiting: float = 0.0  # of the steps since, which count if the gap is bridged
    waited: int = 0
    reported: bool = False


class SegmentFollower:
    """`push` the scores of each step in order of time; `finish` when there are no more."""

    def __init__(self, smoothing: Smoothing, labels: Sequence[str]):
        self.smoothing, self.labels = smoothing, labels
        self._recent: deque[tuple[float, np.ndarray]] = deque()
        self._distances: deque[float] = deque(maxlen=REMEMBERED)
        self._last: float | None = None
        self._on = [False] * len(labels)
        self._open: dict[int, _Span] = {}

    @property
    def reported(self) -> list[Segment]:
        """The segments that are reported and on, as far as they have come."""
        return [self._segment(i, one) for i, one in self._open.items() if one.reported and self._on[i]]

    def push(self, scores: np.ndarray, seconds: float) -> list[Change]:
        """Take the scores float [C] of the step at `seconds`; [N, C] of N steps at one time.

        Steps are at one time where the source is slower than the sampling.
        """
        rows = np.atleast_2d(scores)
        means = self._means(rows, seconds)
        changes: list[Change] = []
        for row, mean in zip(rows, means, strict=True):
            changes += self._until(seconds)
            for i in range(len(self.labels)):
                on = bool(mean[i] >= self.smoothing.off[i])
                changes += self._step(i, on, bool(mean[i] >= self.smoothing.on[i]), float(row[i]), seconds)
                self._on[i] = on
        return changes

    def finish(self) -> list[Change]:
        """Close what is open: the last step lasts as long as steps usually do."""
        if self._last is None:
            return []
        last, usual = self._last, step_seconds(np.cumsum([0.0, *self._distances]))
        for i, one in self._open.items():
            if self._on[i]:
                one.end = last + usual
        changes = [self._closed(i, last) for i in sorted(self._open)]
        self._last, self._on = None, [False] * len(self.labels)
        self._recent.clear()
        return changes

    def _means(self, rows: np.ndarray, seconds: float) -> np.ndarray:
        """The running mean of the last `window` seconds, for each of the rows."""
        if self.smoothing.window <= 0:
            return rows
        self._recent.extend((seconds, row.astype(np.float64)) for row in rows)
        while self._recent[0][0] < seconds - self.smoothing.window - CLOSE:
            self._recent.popleft()
        mean = np.mean([held for _, held in self._recent], axis=0)
        return np.broadcast_to(mean, rows.shape)

    def _until(self, seconds: float) -> list[Change]:
        """The step before lasted until now; what has been off for longer than a gap is over."""
        if self._last is not None:
            self._distances.append(seconds - self._last)
        self._last = seconds
        for i, one in self._open.items():
            if self._on[i]:
                one.end = seconds
        over = [i for i, one in self._open.items() if seconds - one.end > self.smoothing.gap + CLOSE]
        return [self._closed(i, seconds) for i in sorted(over)]

    def _step(self, i: int, on: bool, opens: bool, score: float, seconds: float) -> list[Change]:
        one, changes = self._open.get(i), []
        if one is None:
            if not opens:
                return []
            one = self._open[i] = _Span(seconds, seconds)
            changes.append(
                Change("opened", Segment(self.labels[i], seconds, seconds + CLOSE, score), seconds)
            )
        one.waiting, one.waited = one.waiting + score, one.waited + 1
        if not on:
            return changes
        one.total, one.steps = one.total + one.waiting, one.steps + one.waited
        one.waiting, one.waited, one.end = 0.0, 0, seconds
        if not one.reported and seconds - one.start >= self.smoothing.hold - CLOSE:
            one.reported = True
            changes.append(Change("reported", self._segment(i, one), seconds))
        return changes

    def _closed(self, i: int, seconds: float) -> Change:
        one = self._open.pop(i)
        return Change("closed" if one.reported else "dropped", self._segment(i, one), seconds)

    def _segment(self, i: int, one: _Span) -> Segment:
        end = max(one.end, one.start + CLOSE)  # a step that has only begun
        return Segment(self.labels[i], one.start, end, one.total / one.steps)
