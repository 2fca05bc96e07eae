"""The last seconds of a stream as a film strip: small frames, kept in constant memory."""

from collections import deque

from ..report.film_strips import spread, strip_from_frames
from ..streams.images import fit
from ..types import Frame
from .items import Shot

HEIGHT, CELLS, A_SECOND = 108, 6, 4


class RecentFrames:
    """The frames of the last `seconds`, four a second, 108 pixels high."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._frames: deque[Frame] = deque()

    def add(self, shot: Shot) -> None:
        """Take a frame, if it is time for one."""
        if self._frames and shot.seconds < self._frames[-1].pts_seconds + 1 / A_SECOND:
            return
        height, width = shot.picture.shape[:2]
        small = fit(shot.picture, (HEIGHT, max(1, round(width * HEIGHT / height))), "stretch")
        self._frames.append(Frame(0, shot.seconds, small))
        while self._frames[0].pts_seconds < shot.seconds - self.seconds:
            self._frames.popleft()

    def strip(self, start_seconds: float) -> bytes:
        """A JPEG of six frames from `start_seconds` to now. At least one frame was added."""
        frames = [f for f in self._frames if f.pts_seconds >= start_seconds - 1 / A_SECOND] or [
            self._frames[-1]
        ]
        times = [frames[i].pts_seconds for i in spread(len(frames), CELLS)]
        return strip_from_frames(frames, times, HEIGHT).image

    def forget(self) -> None:
        """Begin anew."""
        self._frames.clear()
