"""Percentiles against NumPy's, to the width of a bin."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.live.latency import Latencies


@pytest.mark.parametrize("scale", [0.001, 0.05, 3.0])
def test_percentiles(scale: float) -> None:
    values = np.random.default_rng(0).lognormal(0, 1, 5000) * scale
    found = Latencies()
    for value in values:
        found.add(float(value))
    for percent in (50, 90, 99, 100):
        expected = np.percentile(values, percent, method="inverted_cdf")
        assert found.at(percent) == pytest.approx(expected, rel=0.021)
        assert found.at(percent) >= expected * (1 - 1e-9) or percent == 100
    assert found.longest == values.max()


def test_extremes_and_none() -> None:
    found = Latencies()
    assert found.at(99) == 0.0
    for value in (0.0, 1e9):
        found.add(value)
    assert found.at(50) <= 1e-4
    assert found.count == 2
