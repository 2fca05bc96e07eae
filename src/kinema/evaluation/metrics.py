"""Figures of merit from class scores. Numpy and scikit-learn, no torch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import confusion_matrix

BOOTSTRAP_DRAWS = 2000
FEWEST_GROUPS = 5


def classification_metrics(
    scores: np.ndarray,
    truth: np.ndarray,
    labels: Sequence[str],
    *,
    train_counts: Sequence[int],
    groups: Sequence[str | None],
    split: str,
) -> dict[str, Any]:
    """The content of metrics.json.

    Args:
        scores: float [N, C], one row per test video.
        truth: int [N], class indices.
        train_counts: training videos per class; their largest class is the majority baseline.
        groups: the group of each test video, None where unknown; the interval is drawn over groups.
        split: where the split comes from, in words.
    """
    predicted = scores.argmax(1)
    hits = predicted == truth
    classes = np.arange(len(labels))
    confusion = confusion_matrix(truth, predicted, labels=classes)
    rows = per_class(confusion, labels)
    majority = int(np.argmax(train_counts))
    return {
        "accuracy": float(hits.mean()),
        "top3": top_k(scores, truth, 3),
        "top5": top_k(scores, truth, 5),
        "mean_class_accuracy": float(np.mean([row["recall"] for row in rows if row["support"]])),
        "majority_baseline": float((truth == majority).mean()),
        "majority_class": labels[majority],
        "ci95": confidence_interval(hits, groups),
        "ci95_over": "groups" if _cluster(groups) is not None else "videos",
        "n_groups": len({*groups} - {None}),
        "n_test": len(truth),
        "split": split,
        "confusion": confusion.tolist(),
        "per_class": rows,
    }


def per_class(confusion: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of each class from its confusion matrix int [C, C], truth in rows.

    What is undefined (no video of the class, or none predicted as it) is 0.
    """
    hits, support, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    return [
        {
            "label": label,
            "precision": float(hits[i] / max(predicted[i], 1)),
            "recall": float(hits[i] / max(support[i], 1)),
            "f1": float(2 * hits[i] / max(support[i] + predicted[i], 1)),
            "support": int(support[i]),
        }
        for i, label in enumerate(labels)
    ]


def top_k(scores: np.ndarray, truth: np.ndarray, k: int) -> float:
    """Share of rows whose true class is among the k best; ties go to the earlier class."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((order == truth[:, None]).any(1).mean())


def confidence_interval(hits: np.ndarray, groups: Sequence[str | None]) -> list[float] | None:
    """95 % interval of the accuracy, [low, high]; None where `FEWEST_GROUPS` are not reached.

    Where groups are known, whole groups are drawn with replacement (percentile bootstrap): clips of one
    group are not independent, and of a few groups hardly anything follows. Without groups, or where every
    group has the same score so that drawing shows no spread, the exact binomial interval, counting groups
    instead of clips where they are known.
    """
    cluster = _cluster(groups)
    accuracy = float(hits.mean())
    if cluster is None:
        return _binomial(round(accuracy * len(hits)), len(hits))
    sums = np.bincount(cluster, weights=hits)
    sizes = np.bincount(cluster)
    if len(sizes) < FEWEST_GROUPS:
        return None
    if np.ptp(sums / sizes) == 0:
        return _binomial(round(accuracy * len(sizes)), len(sizes))
    draws = np.random.default_rng(0).integers(0, len(sizes), (BOOTSTRAP_DRAWS, len(sizes)))
    low, high = np.percentile(sums[draws].sum(1) / sizes[draws].sum(1), [2.5, 97.5])
    return [float(low), float(high)]


def _cluster(groups: Sequence[str | None]) -> np.ndarray | None:
    if any(g is None for g in groups):
        return None
    return np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)[1]


def _binomial(hits: int, count: int) -> list[float]:
    interval = stats.binomtest(hits, count).proportion_ci(0.95)
    return [float(interval.low), float(interval.high)]
