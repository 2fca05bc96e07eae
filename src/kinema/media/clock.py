"""Presentation times that can be relied on, from the stamps that files really carry."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

# A step back by more than this is a new start of the clock (joined recordings), by less it is disorder.
DISCONTINUITY_SECONDS = 1.0


class Stamped(Protocol):
    """Anything with a time stamp in units of its stream, or None."""

    @property
    def pts(self) -> int | None: ...


T = TypeVar("T", bound=Stamped)


def with_sorted_stamps(frames: Iterable[T], lookahead: int) -> Iterator[tuple[T, int | None]]:
    """Pair frames with their stamps, the stamps put in rising order within `lookahead` frames.

    AVI stores no presentation times. With packed B-frames (a tenth of UCF101) the stamps that FFmpeg
    makes up come out as 1 2 4 3 5 7 6, although the frames themselves are in the right order.
    """
    waiting: deque[T] = deque()
    stamps: list[int] = []
    for frame in frames:
        waiting.append(frame)
        if frame.pts is not None:
            heapq.heappush(stamps, frame.pts)
        if len(waiting) > lookahead:
            first = waiting.popleft()
            yield first, None if first.pts is None else heapq.heappop(stamps)
    for first in waiting:
        yield first, None if first.pts is None else heapq.heappop(stamps)


class Clock:
    """Seconds since the first frame, never NaN and never decreasing.

    A missing stamp is the previous time plus one frame interval. A small step back is held at the
    previous time; a large one starts the clock anew, one interval after the previous frame.
    """

    def __init__(self, interval_seconds: float):
        self.interval_seconds = interval_seconds
        self._shift: float | None = None
        self._previous: float | None = None

    def seconds(self, stamp: float | None) -> float:
        """Time of the next frame, whose own stamp (in seconds, any origin) may be missing."""
        previous = 0.0 if self._previous is None else self._previous
        now = 0.0 if self._previous is None else previous + self.interval_seconds
        if stamp is not None:
            if self._shift is None or stamp + self._shift < previous - DISCONTINUITY_SECONDS:
                self._shift = now - stamp
            now = max(stamp + self._shift, previous)
        self._previous = now
        return now
