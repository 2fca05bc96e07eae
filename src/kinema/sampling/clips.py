"""Samplers that choose clips of consecutive frames: int64 indices [T, L].

With 10 frames and length 4:

    segments            ████ ████ ██++      + filled up by the policy
    windows, stride 3   ████······
                        ···████···
                        ······████
"""

import numpy as np

from .policies import fill


def segments(
    num_frames: int, length: int, policy: str = "repeat_last", max_segments: int | None = None
) -> np.ndarray:
    """Non-overlapping segments; the last one is kept if it has at least one frame (i3d-gru paper).

    >>> segments(5, 3).tolist()
    [[0, 1, 2], [3, 4, 4]]
    """
    starts = np.arange(0, num_frames, length)[:max_segments]
    return np.stack([_clip(int(start), num_frames, length, policy) for start in starts])


def windows(num_frames: int, length: int, stride: int, policy: str = "repeat_last") -> np.ndarray:
    """Whole windows only, one every `stride` frames; a video shorter than one window gives one, filled up.

    >>> windows(5, 3, 2).tolist()
    [[0, 1, 2], [2, 3, 4]]
    """
    starts = np.arange(0, max(num_frames - length, 0) + 1, stride)
    return np.stack([_clip(int(start), num_frames, length, policy) for start in starts])


def _clip(start: int, num_frames: int, length: int, policy: str) -> np.ndarray:
    return fill(np.arange(start, min(start + length, num_frames)), length, policy)
