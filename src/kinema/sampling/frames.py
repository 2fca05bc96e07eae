"""Frames at equal distances, frames by their time, and what stands in for frames that are not there."""

import numpy as np

from ..errors import MediaError

# Two time stamps closer than this are one instant: containers round to their own time base.
TICK_TOLERANCE = 1e-4


def fill(indices: np.ndarray, count: int, policy: str) -> np.ndarray:
    """`indices` int64 [k], k >= 1, filled up to `count`; unchanged when k >= count.

    [0, 1, 2] to 5 becomes [0, 1, 2, 2, 2] by "repeat_last", [0, 1, 2, 0, 1] by "wrap", MediaError by "error".
    """
    missing = count - len(indices)
    if missing <= 0:
        return indices
    if policy == "error":
        raise MediaError(f"{len(indices)} frames where {count} are needed; choose policy repeat_last or wrap")
    return np.resize(indices, count) if policy == "wrap" else np.pad(indices, (0, missing), "edge")


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
