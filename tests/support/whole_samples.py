"""What the online samplers hand out, computed from the whole video instead: int64 indices.

Each takes a video of `num_frames` >= 1 frames. With 10 frames:

    first_n(4)          ████······      jump(3)   █··█··█··█
    segments(4)         ████ ████ ██++  + filled up by the policy
    windows, stride 3   ████······
                        ···████···
                        ······████
"""

from collections.abc import Iterable

import numpy as np

from kinema.sampling.frames import TICK_TOLERANCE, fill
from kinema.sampling.online import Item, OnlineSampler


def first_n(num_frames: int, frames: int, policy: str = "repeat_last") -> np.ndarray:
    """The first `frames` frames: [frames].

    >>> first_n(3, 5).tolist()
    [0, 1, 2, 2, 2]
    """
    return fill(np.arange(min(num_frames, frames)), frames, policy)


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


def segments(
    num_frames: int, length: int, policy: str = "repeat_last", max_segments: int | None = None
) -> np.ndarray:
    """Non-overlapping segments [T, length]; a last one of a frame or more is kept (i3d-gru paper).

    >>> segments(5, 3).tolist()
    [[0, 1, 2], [3, 4, 4]]
    """
    starts = np.arange(0, num_frames, length)[:max_segments]
    return np.stack([_clip(int(start), num_frames, length, policy) for start in starts])


def windows(num_frames: int, length: int, stride: int, policy: str = "repeat_last") -> np.ndarray:
    """Whole windows [T, length], one every `stride` frames; a video shorter than one gives one, filled up.

    >>> windows(5, 3, 2).tolist()
    [[0, 1, 2], [2, 3, 4]]
    """
    starts = np.arange(0, max(num_frames - length, 0) + 1, stride)
    return np.stack([_clip(int(start), num_frames, length, policy) for start in starts])


def _clip(start: int, num_frames: int, length: int, policy: str) -> np.ndarray:
    return fill(np.arange(start, min(start + length, num_frames)), length, policy)


def run(sampler: OnlineSampler[Item], frames: Iterable[tuple[int, float, Item]]) -> Iterable[list[Item]]:
    """Clips of a stream of (index, pts_seconds, item); stops reading as soon as the sampler is done."""
    for index, pts_seconds, item in frames:
        if sampler.wants(index, pts_seconds):
            yield from sampler.push(item, index, pts_seconds)
        if sampler.done:
            break
    yield from sampler.finish()
