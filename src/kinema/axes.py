"""Directions in a space of features, the axes along which they differ most, and how much they do."""

import torch
from torch import Tensor
from torch.nn import functional as F

TINY = 1e-12


def directions(x: Tensor) -> Tensor:
    """The rows of [N, D] as unit vectors; those of length 0 stay."""
    return F.normalize(x, dim=1, eps=TINY)


def principal_axes(rows: Tensor, count: int) -> Tensor:
    """The unit vectors [count, D] along which rows [N, D] extend most; zeros behind the last that there is.

    By the smaller of the two products of the rows with each other.
    """
    n, d = rows.shape
    found = rows.new_zeros(count, d)
    if n < d:
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        values, axes = values.flip(0)[:count], vectors.T.flip(0)[:count] @ rows
        axes = directions(axes)
    else:
        values, vectors = torch.linalg.eigh(rows.T @ rows)
        values, axes = values.flip(0)[:count], vectors.T.flip(0)[:count]
    there = values > values[:1] * 1e-10
    found[: len(axes)] = axes * there.unsqueeze(1)
    return found


def unit_scale(rows: Tensor) -> Tensor:
    """What brings rows [N, D] to a mean square norm of 1 about their mean; 0 where they are all the same."""
    norm = (rows - rows.mean(0)).square().sum(1).mean().sqrt()
    return 1 / norm if norm > TINY else torch.zeros_like(norm)
