"""Frames near any moment of a file, without decoding what comes before: for showing, not for features.

Times are those of `VideoReader`: seconds since the file's first frame. Where a file has no time stamps, or
cannot be sought in, it is read from its start. Gaps in the stamps (`clock.GAP_SECONDS`) stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from av.video.frame import VideoFrame

from ..errors import MediaError
from .clock import USUAL_FPS, with_sorted_stamps
from .container import damaged_as_media, open_container, shown, video_stream
from .convert import FrameConverter
from .decode import LOOKAHEAD, DecodePass
from .length import duration_seconds
from .reader import SLACK_SECONDS

# A step ahead of up to so many seconds is decoded through, where seeking would begin at a keyframe before it.
NEAR_SECONDS = 2.0
# Indices point behind what was asked for in some files: then it is tried so much earlier.
EARLIER_SECONDS = (0.0, 5.0, 30.0)

Timed = tuple[float, VideoFrame]


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a file: `seconds` until its last frame is over, frames a second (by the header), pixels upright, and
    the time of the first frame on the clock of players, whose 0 is the start of all streams."""

    seconds: float
    fps: float
    width: int
    height: int
    first_seconds: float


class FrameSeeker:
    """An open file. Raises `MediaError` where it cannot be read or has no picture."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the file and the decoder."""
        self._run.close()

    def at(self, seconds: float) -> tuple[float, np.ndarray]:
        """The time and the picture, uint8 [H, W, 3] RGB, of the frame on at `seconds`, or the last."""
        with damaged_as_media(self.path):
            self._go(seconds)
            return self._now[0], self._convert(self._now[1])

    def times(self, start: float, end: float) -> list[float]:
        """Times of the frames from the one that is on at `start` to the first one at or after `end`."""
        with damaged_as_media(self.path):
            self._go(start)
            found = [self._now[0]]
            while found[-1] < end and self._step():
                found.append(self._now[0])
            return found

    def shape(self) -> Shape:
        """What the header says, but for the length, which is that of the last frame that is there."""
        fps = self._run.fps or USUAL_FPS
        return Shape(self._length(1 / fps), fps, *self.size, self._first_seconds())

    def _open(self) -> None:
        self._run = DecodePass(self.path)
        self._lookahead = LOOKAHEAD.get(self._run.container.format.name, 0)
        self._origin: float | None = None
        self._count = 0
        self._coming: Iterator[Timed] = self._timed()
        first = next(self._coming, None)
        if first is None:
            self._run.close()
            raise MediaError(f"{shown(self.path)} has no picture that can be decoded; replace it")
        self._now, self._next = first, next(self._coming, None)
        picture = first[1]
        turns = round(picture.rotation / 90) % 4
        size = picture.width, picture.height
        self.size = size[::-1] if turns % 2 else size  # upright pixels: width, height
        self._convert = FrameConverter(*size, turns, "rgb24")

    def _reopen(self) -> None:
        """Begin again at the first frame."""
        self.close()
        self._open()

    def _timed(self) -> Iterator[Timed]:
        """Frames from where the file is read now. One without a stamp is one interval after the last."""
        interval, last = 1 / (self._run.fps or USUAL_FPS), None
        for picture, stamp in with_sorted_stamps(self._run.pictures(), self._lookahead):
            if stamp is None:
                seconds = 0.0 if last is None else last + interval
            else:
                base = picture.time_base or self._run.stream.time_base
                known = float(stamp * base)  # type: ignore[operator]  # a stamp has a unit
                if self._origin is None:
                    self._origin = known
                seconds = max(known - self._origin, last or 0.0)
            last = seconds
            yield seconds, picture

    def _step(self) -> bool:
        """Go on by one frame, if there is one."""
        if self._next is None:
            return False
        self._now, self._next = self._next, next(self._coming, None)
        return True

    def _go(self, seconds: float) -> None:
        """Go to the frame that is on at `seconds`."""
        ahead = seconds - self._now[0]
        if not -SLACK_SECONDS <= ahead <= NEAR_SECONDS:
            self._seek(seconds)
        while self._next is not None and self._next[0] <= seconds + SLACK_SECONDS:
            self._step()

    def _seek(self, seconds: float) -> None:
        """Go to a keyframe at or before `seconds`."""
        for earlier in EARLIER_SECONDS:
            if self._origin is None or seconds - earlier <= NEAR_SECONDS:
                break
            if self._sought(seconds - earlier) and self._now[0] <= seconds + SLACK_SECONDS:
                return
        if seconds < self._now[0] or self._origin is None:
            self._reopen()

    def _sought(self, seconds: float) -> bool:
        base = self._run.stream.time_base
        if base is None or self._origin is None:
            return False
        try:
            self._run.container.seek(int((seconds + self._origin) / base), stream=self._run.stream)
        except Exception:  # PyAV lets more than FFmpegError through; the file is read from its start then
            self._reopen()
            return False
        self._coming = self._timed()
        # What comes before a keyframe lacks what it was made from.
        found = next((one for one in self._coming if one[1].key_frame), None)
        if found is None or found[1].pts is None:  # when that is, is not known
            self._reopen()
            return False
        self._now, self._next = found, next(self._coming, None)
        return True

    def _length(self, interval: float) -> float:
        claimed = duration_seconds(self._run.container, self._run.stream)
        with damaged_as_media(self.path):
            self._go(self._last_stamp() if claimed is None else claimed)
            while self._step():
                pass
        return self._now[0] + interval

    def _last_stamp(self) -> float:
        """By the packets, undecoded: for recordings whose header does not know how long they became."""
        with open_container(self.path) as container:
            stream = video_stream(container)
            base = stream.time_base if stream is not None else None
            if base is None:
                return 0.0
            stamps = (packet.pts for packet in container.demux(stream) if packet.pts is not None)
            return float(max(stamps, default=0) * base) - (self._origin or 0.0)

    def _first_seconds(self) -> float:
        start = self._run.container.start_time
        return max((self._origin or 0.0) - (start or 0) / 1e6, 0.0)
