"""The interval of the area under the ROC curve, against its definition and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from kinema.evaluation.metrics import auroc_interval


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
        errors = np.concatenate([rng.normal(size=25), rng.normal(1.2, 1, size=30)])
        low, high = auroc_interval(roc_auc_score(np.arange(55) >= 25, errors), 25, 30)
        hits += low <= truth <= high
    assert 0.92 <= hits / draws <= 0.985
