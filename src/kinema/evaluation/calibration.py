"""Do probabilities mean what they say? The expected calibration error and the bins that a plot shows."""

from typing import Any

import numpy as np

BINS = 10


def reliability(scores: np.ndarray, truth: np.ndarray, bins: int = BINS) -> list[dict[str, Any]]:
    """Test videos by the probability of their best class, in `bins` bins of equal width; empty ones left out.

    scores: float [N, C], each row summing to 1; truth: int [N]. A row holds `confidence` (the mean
    probability), `accuracy` and `count`; a probability on an edge belongs to the lower bin.
    """
    best = scores.max(1)
    hits = scores.argmax(1) == truth
    place = np.clip(np.ceil(best * bins).astype(int) - 1, 0, bins - 1)
    return [
        {
            "confidence": float(best[inside].mean()),
            "accuracy": float(hits[inside].mean()),
            "count": int(inside.sum()),
        }
        for inside in (place == k for k in range(bins))
        if inside.any()
    ]


def calibration_metrics(scores: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """`ece` and `reliability` for metrics.json; nothing where the scores are not probabilities."""
    if not len(scores) or scores.min() < 0 or np.abs(scores.sum(1) - 1).max() > 1e-3:
        return {}
    rows = reliability(scores, truth)
    return {"ece": expected_calibration_error(rows), "reliability": rows}


def expected_calibration_error(rows: list[dict[str, Any]]) -> float:
    """The mean of |confidence - accuracy| over the videos of `reliability` (Guo et al. 2017)."""
    total = sum(row["count"] for row in rows)
    return sum(abs(row["confidence"] - row["accuracy"]) * row["count"] for row in rows) / total
