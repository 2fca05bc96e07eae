"""How much moves between each frame and the next: the input of adaptive sampling. Streaming, no I/O."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

GRID = (48, 64)  # rows, columns: coarse enough to be deaf to noise and to cost little


def motion_by_difference(frames: Iterable[np.ndarray]) -> np.ndarray:
    """A cheap estimate: mean absolute change of luma between frames on a 48 x 64 grid of mean values.

    Luma frames uint8 [H, W], whose sizes may differ -> float64 [N - 1] in grey levels, [0] for one or none.
    """
    pairs = pairwise(_reduced(frame) for frame in frames)
    return np.array([np.abs(after - before).mean() for before, after in pairs], dtype=np.float64)


def motion_by_flow(fields: Iterable[np.ndarray]) -> np.ndarray:
    """Mean length of the displacement vectors: fields float32 [2, H, W] in pixels -> float64 [M]."""
    return np.array([np.hypot(*field).mean(dtype=np.float64) for field in fields], dtype=np.float64)


def _reduced(frame: np.ndarray) -> np.ndarray:
    """Mean luma of each cell of the grid: [H, W] -> float64 [48, 64]; small frames repeat their pixels."""
    if frame.ndim != 2 or 0 in frame.shape:
        raise ValueError(f"luma frames must be [H, W], got {frame.shape}")
    rows, row_sizes = _cells(frame.shape[0], GRID[0])
    columns, column_sizes = _cells(frame.shape[1], GRID[1])
    sums = np.add.reduceat(np.add.reduceat(frame, rows, axis=0, dtype=np.float64), columns, axis=1)
    return sums / (row_sizes[:, None] * column_sizes)


def _cells(length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    starts = np.arange(count) * length // count
    return starts, np.maximum(np.diff(starts, append=length), 1)
