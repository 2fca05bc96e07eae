"""Adaptive sampling: more frames where the picture moves faster (three-stream paper, section IV-F).

The paper: "the number of samples selected from a segment is suggested to be made proportionate to average
displacement vectors lengths between frames in this segment". What it leaves open is decided here:
- the video is cut into `stretches` equal parts, each with at least one sample and at most all its frames;
- fractions are settled by the largest remainder, ties going to the earlier stretch;
- inside a stretch the samples stand at equal distances;
- a displacement between two frames belongs to the stretch of the first of them.
"""

from itertools import pairwise

import numpy as np

from .frames import uniform

STILL = 1e-6  # motion below this part of the largest counts as none; it only shares what nobody else can take


def adaptive(motion: np.ndarray, num_frames: int, *, frames: int = 180, stretches: int = 12) -> np.ndarray:
    """Indices of at most `frames` frames, allotted in proportion to the mean motion of each stretch.

    motion: float [num_frames - 1], mean length of the displacement between frames i and i + 1. A video
    without any is sampled at equal distances; at most `frames` stretches are used.
    Returns int64 [min(frames, num_frames)], increasing, without repetition. Raises ValueError for motion of
    another length, negative, infinite or NaN, and for a count below 1.

    Here the middle third moves:

    >>> adaptive(np.repeat([0.0, 1.0, 0.0], [8, 8, 7]), 24, frames=8, stretches=3).tolist()
    [4, 8, 10, 11, 12, 14, 15, 20]
    """
    motion = np.asarray(motion, dtype=np.float64)
    if min(num_frames, frames, stretches) < 1:
        raise ValueError(f"counts must be at least 1, got {num_frames}, {frames}, {stretches}")
    if motion.shape != (num_frames - 1,):
        raise ValueError(f"{num_frames} frames have motion [{num_frames - 1}], got {list(motion.shape)}")
    if not (np.isfinite(motion).all() and (motion >= 0).all()):
        raise ValueError("motion must be finite and not negative")
    if num_frames <= frames:
        return np.arange(num_frames, dtype=np.int64)
    if not motion.any():
        return uniform(num_frames, frames)
    edges = np.arange(min(stretches, frames) + 1) * num_frames // min(stretches, frames)
    # The last frame starts no pair: where it is a stretch by itself, the pair that ends in it counts.
    mean = np.array([motion[min(a, len(motion) - 1) : b].mean() for a, b in pairwise(edges)])
    parts = zip(edges, np.diff(edges), allot(mean, np.diff(edges), frames), strict=False)
    return np.concatenate([start + uniform(length, count) for start, length, count in parts])


def allot(weights: np.ndarray, limits: np.ndarray, total: int) -> np.ndarray:
    """`total` samples shared out in proportion to `weights`, each share from 1 to its limit.

    The exact shares are `clip(c * weights, 1, limits)` with the one factor c that makes them sum to
    `total`; the largest remainder then makes them whole.

    Args: weights float [K] >= 0, not all zero; limits int [K] >= 1; `K <= total <= sum(limits)`.
    Returns: int64 [K], summing to `total`.
    """
    weights = np.maximum(weights / weights.max(), STILL)
    factors = np.unique(np.concatenate([1.0 / weights, limits / weights]))
    sums = np.clip(factors[:, None] * weights, 1, limits).sum(axis=1)
    shares = np.clip(np.interp(total, sums, factors) * weights, 1, limits).round(9)
    counts = np.floor(shares).astype(np.int64)
    order = np.argsort(counts - shares, kind="stable")  # largest remainder first
    counts[order[: total - counts.sum()]] += 1
    return counts
