"""How well errors separate anomalous from normal videos: ROC curve, its area and the area's interval."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm, rankdata


def roc_curve(normal: np.ndarray, anomalous: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(false-alarm rate, detection rate) at every threshold, from (0, 0) to (1, 1); errors float [n], [m]."""
    thresholds = np.unique(np.concatenate([normal, anomalous]))
    false_alarms = 1 - np.searchsorted(np.sort(normal), thresholds, side="left") / len(normal)
    detections = 1 - np.searchsorted(np.sort(anomalous), thresholds, side="left") / len(anomalous)
    return np.append(false_alarms, 0.0)[::-1], np.append(detections, 0.0)[::-1]


def auroc(normal: np.ndarray, anomalous: np.ndarray) -> float:
    """The probability that an anomalous video has a larger error than a normal one; ties count half."""
    ranks = rankdata(np.concatenate([normal, anomalous]))[len(normal) :]
    m, n = len(anomalous), len(normal)
    return float((ranks.sum() - m * (m + 1) / 2) / (m * n))


def auroc_interval(area: float, normal: int, anomalous: int, confidence: float = 0.95) -> tuple[float, float]:
    """Confidence interval of an area from counts of INDEPENDENT videos (groups, where clips share them).

    Newcombe's method 5 (Statistics in Medicine 25, 2006, 559-573): Hanley and McNeil's variance at the
    limits themselves, with both counts replaced by their mean, solved for the limits. It stays inside [0, 1]
    and has a width even where the area is 0 or 1.
    """
    z = float(norm.ppf(0.5 + confidence / 2))
    extra = (normal + anomalous) / 2 - 1

    def deviation(theta: float) -> float:
        variance = theta * (1 - theta) / (normal * anomalous)
        variance *= 1 + extra * (1 - theta) / (2 - theta) + extra * theta / (1 + theta)
        return z * math.sqrt(variance)

    def low_side(theta: float) -> float:
        return theta + deviation(theta) - area

    def high_side(theta: float) -> float:
        return theta - deviation(theta) - area

    # Where the area is 0 or 1, that value itself is a spurious root.
    tiny = 1e-9
    low = 0.0 if area < tiny else brentq(low_side, 0.0, min(area, 1 - tiny))
    high = 1.0 if area > 1 - tiny else brentq(high_side, max(area, tiny), 1.0)
    return float(low), float(high)
