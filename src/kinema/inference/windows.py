"""A long video as windows of time, each sampled as a video of its own, in one pass over the whole.

Every window has a maker of its own, which is fed the frames (or the sound) of that window, with indices and
times that count from its start. So a window's features are those of the same stretch cut out as a file, and
memory depends on how many windows overlap, not on the video's length.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..errors import UsageError
from ..extraction.messages import Finished, Message
from ..media.reader import SLACK_SECONDS
from ..media.video import Video
from ..streams import AudioStream, Maker, StreamSettings, Task, Tools
from ..streams.audio import AudioMaker
from ..streams.frames import FrameMaker


class Window(NamedTuple):
    """The stretch [start, end) of video time, in seconds."""

    start: float
    end: float


def windows_of(times: np.ndarray, window_seconds: float, stride_seconds: float) -> list[Window]:
    """Windows over frames at `times` (float64 [N], seconds), one every `stride_seconds`.

    The last window holds the last frame and ends where the video does; windows without a frame are left out.
    Raises `UsageError` unless window and stride are positive.
    """
    if window_seconds <= 0 or stride_seconds <= 0:
        raise UsageError("window and stride must be positive numbers of seconds")
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    duration = float(times[-1]) + interval
    count = max(int(np.ceil((duration - window_seconds) / stride_seconds - 1e-6)), 0) + 1
    found = []
    for start in (np.arange(count) * stride_seconds).tolist():
        first, stop = np.searchsorted(times, [start - SLACK_SECONDS, start + window_seconds - SLACK_SECONDS])
        if first < stop:
            found.append(Window(start, min(start + window_seconds, max(duration, start + SLACK_SECONDS))))
    return found


def window_messages(
    stream: StreamSettings, video: Video, windows: list[Window], tools: Tools
) -> Iterator[tuple[int, Message]]:
    """(number of the window, clip or end) of one stream, the ends in the order of the windows.

    Raises `MediaError` where the video is damaged.
    """
    run = (_SoundRun if isinstance(stream, AudioStream) else _FrameRun)(stream, windows, tools)
    yield from run.messages(video)
    video.check()


class _Run:
    """The makers of the windows that are open at one moment, in the order of their starts."""

    def __init__(self, stream: StreamSettings, windows: list[Window], tools: Tools):
        self.stream, self.tools = stream, tools
        self.todo = deque(enumerate(windows))
        self.open: deque[tuple[int, Window, Maker, int]] = deque()
        self.closed: list[tuple[int, Maker]] = []

    def _start(self, position: int, times: np.ndarray | None) -> None:
        """Open the next window, whose first item has this number."""
        number, window = self.todo.popleft()
        self.open.append((number, window, self.stream.open(Task(), self.tools, times), position))

    def _close(self) -> None:
        """Close the oldest window; its last clips come when they are asked for."""
        number, _, maker, _ = self.open.popleft()
        self.closed.append((number, maker))

    def _said(self) -> Iterator[tuple[int, Message]]:
        """The last clips, and the ends, of the windows that were closed."""
        closed, self.closed = self.closed, []
        for number, maker in closed:
            yield from ((number, clip) for clip in maker.finish())
            yield number, Finished(tuple(maker.notes))

    def _rest(self) -> Iterator[tuple[int, Message]]:
        while self.open:
            self._close()
        yield from self._said()


class _FrameRun(_Run):
    times: np.ndarray | None = None

    def messages(self, video: Video) -> Iterator[tuple[int, Message]]:
        self.times = video.times() if self.stream.needs_times else None
        for frame in video.frames(self._wants):
            yield from self._said()
            for number, window, maker, first in self.open:
                index, seconds = frame.index - first, max(0.0, frame.pts_seconds - window.start)
                if not maker.done and isinstance(maker, FrameMaker) and maker.wants(index, seconds):
                    item = replace(frame, index=index, pts_seconds=seconds)
                    yield from ((number, clip) for clip in maker.push(item))
        yield from self._rest()

    def _wants(self, index: int, pts_seconds: float) -> bool:
        """Open and close windows as time goes on; asked for every frame, in order."""
        now = pts_seconds + SLACK_SECONDS
        while self.open and self.open[0][1].end <= now:
            self._close()
        while self.todo and self.todo[0][1].start <= now:
            self._start(index, self._times_in(self.todo[0][1]))
        return any(
            not maker.done
            and isinstance(maker, FrameMaker)
            and maker.wants(index - first, max(0.0, pts_seconds - window.start))
            for _, window, maker, first in self.open
        )

    def _times_in(self, window: Window) -> np.ndarray | None:
        if self.times is None:
            return None
        bounds = np.array([window.start, window.end]) - SLACK_SECONDS
        first, stop = np.searchsorted(self.times, bounds)
        return np.maximum(self.times[first:stop] - window.start, 0.0)


class _SoundRun(_Run):
    def messages(self, video: Video) -> Iterator[tuple[int, Message]]:
        self._start_due(0)
        if not self.open:
            return
        maker = self.open[0][2]
        assert isinstance(maker, AudioMaker)
        rate, position = maker.sample_rate, 0
        for block in video.sound(rate):
            stop = position + len(block)
            self._start_due(stop / rate)
            for number, window, maker, _ in self.open:
                low, high = (round(side * rate) - position for side in window)
                part = block[max(low, 0) : max(high, 0)]
                if len(part) and not maker.done:
                    yield from ((number, clip) for clip in maker.push(part))
            while self.open and self.open[0][1].end * rate <= stop:
                self._close()
            yield from self._said()
            position = stop
        self._start_due(float("inf"))
        yield from self._rest()

    def _start_due(self, seconds: float) -> None:
        while self.todo and (self.todo[0][1].start <= seconds):
            self._start(0, None)
