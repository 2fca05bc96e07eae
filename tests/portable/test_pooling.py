"""Adaptive pooling as two products."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import adaptive_avg_pool2d

from kinema.portable.pooling import means


@pytest.mark.parametrize(
    ("size", "parts"), [((5, 5), (2, 2)), ((7, 9), (3, 4)), ((6, 6), (3, 1)), ((2, 3), (4, 5))]
)
def test_the_matrices_take_torchs_means(size: tuple[int, int], parts: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size)
    found = means(size[0], parts[0]) @ x @ means(size[1], parts[1]).t()
    torch.testing.assert_close(found, adaptive_avg_pool2d(x, parts))
