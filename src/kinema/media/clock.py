"""Presentation times that can be relied on, from the stamps that files really carry."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator

from av.video.frame import VideoFrame

# A step back by more than this is a new start of the clock (joined recordings), by less it is disorder.
DISCONTINUITY_SECONDS = 1.0
# A gap is not content: a step by more than this is left out, so that work is bounded by what a file holds.
GAP_SECONDS = 10.0
# Where a source does not say how many frames a second has.
USUAL_FPS = 25.0
GAP_NOTE = "time stamps jump: a gap is left out"


def with_sorted_stamps(
    frames: Iterable[VideoFrame], lookahead: int
) -> Iterator[tuple[VideoFrame, int | None]]:
    """Pair frames with their stamps, the stamps put in rising order within `lookahead` frames.

    AVI stores no presentation times. With packed B-frames (a tenth of UCF101) the stamps that FFmpeg
    makes up come out as 1 2 4 3 5 7 6, although the frames themselves are in the right order.
    """
    waiting: deque[VideoFrame] = deque()
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
    """Seconds since the first frame, never NaN, never decreasing, and at most `GAP_SECONDS` a frame.

    A missing stamp is the previous time plus one frame interval. A small step back is held at the
    previous time; a large one starts the clock anew, one interval after the previous frame. So does a step
    ahead of more than `GAP_SECONDS`, at most 1 s after it; `left_out` sums the seconds of such gaps.

    Args:
        interval_seconds: the usual distance of two frames; more than `GAP_SECONDS` is taken as 1 s.
        shift: what makes a stamp a time; None for the first frame's being 0.
    """

    def __init__(self, interval_seconds: float, shift: float | None = None):
        self.interval_seconds = interval_seconds if interval_seconds <= GAP_SECONDS else 1.0
        self.left_out = 0.0
        self._shift = shift
        self._previous: float | None = None

    @property
    def note(self) -> str | None:
        """That a gap was left out, where one was."""
        return GAP_NOTE if self.left_out else None

    def seconds(self, stamp: float | None) -> float:
        """Time of the next frame, whose own stamp (in seconds, any origin) may be missing."""
        previous = 0.0 if self._previous is None else self._previous
        now = 0.0 if self._previous is None else previous + self.interval_seconds
        if stamp is not None:
            step = 0.0 if self._shift is None else stamp + self._shift - previous
            if step > GAP_SECONDS:
                now = min(now, previous + 1.0)
                self.left_out += previous + step - now
            if self._shift is None or not -DISCONTINUITY_SECONDS <= step <= GAP_SECONDS:
                self._shift = now - stamp
            else:
                now = max(stamp + self._shift, previous)
        self._previous = now
        return now
