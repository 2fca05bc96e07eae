"""Reliability bins by hand, against a slow count, and where probabilities are right."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.evaluation.calibration import expected_calibration_error, reliability


def test_by_hand() -> None:
    scores = np.array([[0.95, 0.05], [0.92, 0.08], [0.4, 0.6], [0.5, 0.5]])
    rows = reliability(scores, np.array([0, 1, 1, 1]))
    assert [row["count"] for row in rows] == [1, 1, 2]
    assert [row["accuracy"] for row in rows] == [0, 1, 0.5]
    assert [row["confidence"] for row in rows] == pytest.approx([0.5, 0.6, 0.935])
    expected = (0.5 + 0.4 + 2 * 0.435) / 4
    assert expected_calibration_error(rows) == pytest.approx(expected)


def test_against_a_slow_count() -> None:
    random = np.random.default_rng(0)
    scores = random.dirichlet([0.5] * 4, size=300)
    truth = random.integers(0, 4, 300)
    total = 0.0
    for k in range(10):
        rows = [i for i in range(300) if k / 10 < scores[i].max() <= (k + 1) / 10]
        if rows:
            confidence = sum(scores[i].max() for i in rows)
            total += abs(confidence - sum(scores[i].argmax() == truth[i] for i in rows))
    assert expected_calibration_error(reliability(scores, truth)) == pytest.approx(total / 300)


def test_probabilities_that_are_right_have_a_small_error_and_sure_ones_a_large_one() -> None:
    random = np.random.default_rng(1)
    scores = random.dirichlet([1.0] * 3, size=20000)
    truth = (random.random((20000, 1)) > scores.cumsum(1)).sum(1)
    assert expected_calibration_error(reliability(scores, truth)) < 0.02
    sure = scores**8 / (scores**8).sum(1, keepdims=True)
    assert expected_calibration_error(reliability(sure, truth)) > 0.2
