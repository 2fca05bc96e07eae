"""ROC and its area against scikit-learn; the interval against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_curve

from kinema.anomaly.roc import auroc, auroc_interval, roc_curve

errors = st.lists(st.integers(0, 8), min_size=1, max_size=20)


@given(errors, errors)
def test_area_is_that_of_scikit_learn(normal: list[int], anomalous: list[int]) -> None:
    truth = [0] * len(normal) + [1] * len(anomalous)
    expected = roc_auc_score(truth, normal + anomalous)
    assert auroc(np.array(normal), np.array(anomalous)) == pytest.approx(expected)


@given(errors, errors)
def test_curve_is_that_of_scikit_learn(normal: list[int], anomalous: list[int]) -> None:
    x, y = roc_curve(np.array(normal), np.array(anomalous))
    truth = [0] * len(normal) + [1] * len(anomalous)
    fpr, tpr, _ = sklearn_curve(truth, normal + anomalous, drop_intermediate=False)
    np.testing.assert_allclose(x, fpr)
    np.testing.assert_allclose(y, tpr)
    assert np.trapezoid(y, x) == pytest.approx(auroc(np.array(normal), np.array(anomalous)))


@pytest.mark.parametrize("area", [0.0, 0.2, 0.5, 0.93, 1.0])
@pytest.mark.parametrize(("normal", "anomalous"), [(1, 1), (5, 40), (200, 300)])
def test_interval_holds_the_area_and_has_width(area: float, normal: int, anomalous: int) -> None:
    low, high = auroc_interval(area, normal, anomalous)
    assert 0 <= low <= area <= high <= 1
    assert high - low > 0
    mirrored = auroc_interval(1 - area, normal, anomalous)
    np.testing.assert_allclose(mirrored, (1 - high, 1 - low), atol=1e-6)


def test_interval_covers_what_it_promises() -> None:
    """Normal errors ~ N(0, 1), anomalous ~ N(1.2, 1): the true area is P(N(1.2, 2) > 0)."""
    from scipy.stats import norm

    truth, draws = float(norm.cdf(1.2 / np.sqrt(2))), 600
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(draws):
        low, high = auroc_interval(auroc(rng.normal(size=25), rng.normal(1.2, 1, size=30)), 25, 30)
        hits += low <= truth <= high
    assert 0.92 <= hits / draws <= 0.985
