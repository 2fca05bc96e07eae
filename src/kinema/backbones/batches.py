"""Single inputs put together."""

from collections.abc import Sequence

import numpy as np


def filled(memory: np.ndarray, samples: Sequence[np.ndarray], name: str) -> np.ndarray:
    """`memory` [N, ...] with samples in it, and zeros behind them.

    Raises `ValueError` where they are not alike, or not what the network `name` takes.
    """
    for row, sample in zip(memory, samples, strict=False):
        if sample.shape != row.shape or sample.dtype != memory.dtype:
            raise ValueError(f"{name} takes {memory.dtype} {row.shape}, got {sample.dtype} {sample.shape}")
        row[...] = sample
    memory[len(samples) :] = 0
    return memory
