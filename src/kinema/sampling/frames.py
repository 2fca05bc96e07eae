"""Samplers that choose single frames: integers in, integers out.

Each returns int64 indices [T] into a video of `num_frames` >= 1 frames. With 10 frames:

    first_n(4)   ████······      jump(3)      █··█··█··█
    uniform(4)   ·█·█··█·█·      rate         by time: the first frame at or after each tick
"""

import numpy as np

from .policies import fill

# Two time stamps closer than this are one instant: containers round to their own time base.
TICK_TOLERANCE = 1e-4


def first_n(num_frames: int, frames: int, policy: str = "repeat_last") -> np.ndarray:
    """The first `frames` frames.

    >>> first_n(3, 5).tolist()
    [0, 1, 2, 2, 2]
    """
    return fill(np.arange(min(num_frames, frames)), frames, policy)


def uniform(num_frames: int, frames: int, policy: str = "repeat_last") -> np.ndarray:
    """The middle frame of each of `frames` equal parts; a shorter video is taken whole and filled up.

    >>> uniform(10, 4).tolist()
    [1, 3, 6, 8]
    """
    if num_frames < frames:
        return fill(np.arange(num_frames), frames, policy)
    return (2 * np.arange(frames) + 1) * num_frames // (2 * frames)


def within(pts_seconds: float, seconds: float | None) -> bool:
    """Whether a frame at this time is one of the first `seconds`; None is without end."""
    return seconds is None or pts_seconds < seconds - TICK_TOLERANCE


def count_within(pts_seconds: np.ndarray, seconds: float | None) -> int:
    """How many frames of a video, by their times [N], are among its first `seconds`; at least its first.

    >>> count_within(np.arange(10) / 10, 0.4)
    4
    """
    return max(sum(within(float(pts), seconds) for pts in pts_seconds), 1)


def jump(num_frames: int, every: int, max_frames: int | None = None) -> np.ndarray:
    """Every `every`-th frame from the first (corehar paper, frame jump); never empty.

    >>> jump(10, 3).tolist()
    [0, 3, 6, 9]
    """
    return np.arange(0, num_frames, every)[:max_frames]


def rate(pts_seconds: np.ndarray, fps: float, max_frames: int | None = None) -> np.ndarray:
    """`fps` frames per second of video time: for each tick k / fps the first frame at or after it.

    `pts_seconds` float64 [N], not decreasing; ticks count from the first frame. A frame stands for
    every tick since the frame before, so a slow source repeats frames and time keeps its scale.

    >>> rate(np.arange(10) / 10, 5).tolist()
    [0, 2, 4, 6, 8]
    """
    times = pts_seconds - pts_seconds[0]
    ticks = np.arange(int(np.floor((times[-1] + TICK_TOLERANCE) * fps)) + 1) / fps
    return np.searchsorted(times, ticks - TICK_TOLERANCE, side="left")[:max_frames]
