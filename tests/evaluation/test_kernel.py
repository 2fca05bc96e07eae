"""The kernel of statistics against inner products that are written out."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.evaluation.kernel import weighted_kernel


def test_blocks_are_scaled_over_the_training_rows_and_weighted() -> None:
    random = np.random.default_rng(0)
    x = np.concatenate([random.normal(2, 3, (9, 4)), random.normal(0, 50, (9, 2)), np.ones((9, 1))], axis=1)
    train = np.array([0, 2, 3, 7])
    kernel = weighted_kernel(x, [4, 2, 1], [0.25, 0.75, 1.0], train)
    for i in range(9):
        for j in range(9):
            expected = 0.0
            for columns, share in ((range(4), 0.25), (range(4, 6), 0.75)):
                centre = [np.mean([x[r, c] for r in train]) for c in columns]
                norms = [sum((x[r, c] - m) ** 2 for c, m in zip(columns, centre, strict=True)) for r in train]
                product = sum((x[i, c] - m) * (x[j, c] - m) for c, m in zip(columns, centre, strict=True))
                expected += share * product / np.mean(norms)
            assert kernel[i, j] == pytest.approx(expected)


def test_a_block_without_a_share_is_left_out() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3))
    rows = np.arange(5)
    assert weighted_kernel(x, [2, 1], [1, 0], rows) == pytest.approx(
        weighted_kernel(x[:, :2], [2], [1], rows)
    )
