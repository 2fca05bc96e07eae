"""How sure the area under a ROC curve is."""

import math

from scipy.optimize import brentq
from scipy.stats import norm


def auroc_interval(area: float, normal: int, anomalous: int, confidence: float = 0.95) -> tuple[float, float]:
    """Confidence interval of an area from counts of INDEPENDENT videos (groups, where clips share them).

    Newcombe's method 5 (Statistics in Medicine 25, 2006, 559-573): Hanley and McNeil's variance at the
    limits themselves, with both counts replaced by their mean, solved for the limits. It stays inside [0, 1]
    and has a width even where the area is 0 or 1.
    """
    z = float(norm.ppf(0.5 + confidence / 2))
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
