"""The kernel between videos behind the closed-form head, from their statistics."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def weighted_kernel(
    x: np.ndarray, sizes: Sequence[int], shares: Sequence[float], train: np.ndarray
) -> np.ndarray:
    """float64 [N, N] = sum_k share_k X_k X_k' of statistics x float64 [N, E] in blocks of these sizes.

    Each block is centred, and has a mean square norm of 1, over the rows `train`.
    """
    kernel = np.zeros((len(x), len(x)))
    for share, (start, end) in zip(shares, pairwise(np.cumsum([0, *sizes])), strict=True):
        block = x[:, start:end] - x[train, start:end].mean(0)
        norm = np.square(block[train]).sum() / len(train)
        if share and norm:
            kernel += share / norm * block @ block.T
    return kernel
