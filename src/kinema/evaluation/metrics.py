"""Figures of merit from class scores. Numpy and scikit-learn, no torch."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import brentq
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
    """The content of metrics.json from scores of test videos, float [N, C], and their classes, int [N].

    The largest class of `train_counts` is the majority baseline. `groups` holds the group of each test video,
    None where unknown; the interval is drawn over groups. `split` says where the split comes from.
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
    """95 % interval of the accuracy, [low, high]; None for fewer than `FEWEST_GROUPS` groups.

    Where groups are known, whole groups are drawn with replacement (percentile bootstrap): clips of one
    group are not independent. Without groups, or where every group has the same score, the exact binomial
    interval, counting groups instead of clips where they are known.
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


def auroc_interval(area: float, normal: int, anomalous: int, confidence: float = 0.95) -> tuple[float, float]:
    """Confidence interval of an area from counts of INDEPENDENT videos (groups, where clips share them).

    Newcombe's method 5 (Statistics in Medicine 25, 2006, 559-573): Hanley and McNeil's variance at the
    limits themselves, with both counts replaced by their mean, solved for the limits. It stays inside [0, 1]
    and has a width even where the area is 0 or 1.
    """
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    extra = (normal + anomalous) / 2 - 1

    def excess(theta: float, side: int) -> float:
        variance = theta * (1 - theta) / (normal * anomalous)
        variance *= 1 + extra * (1 - theta) / (2 - theta) + extra * theta / (1 + theta)
        return theta + side * z * math.sqrt(variance) - area

    # Where the area is 0 or 1, that value itself is a spurious root.
    tiny = 1e-9
    low = 0.0 if area < tiny else brentq(excess, 0.0, min(area, 1 - tiny), args=(1,))
    high = 1.0 if area > 1 - tiny else brentq(excess, max(area, tiny), 1.0, args=(-1,))
    return float(low), float(high)
