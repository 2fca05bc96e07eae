"""The report's section on calibration: how often a probability is right."""

from collections.abc import Mapping, Sequence
from typing import Any

from .data import Lines, Section, Series

# Fewer videos than these make no point of their own: the share of right answers among three says nothing.
LEAST = 10
# In small sets, where that would leave one point alone: this share of the videos, but no fewer than four.
SHARE, FEWEST = 8, 4


def calibration_section(metrics: Mapping[str, Any]) -> Section:
    """The reliability plot of metrics with `ece` and `reliability`; on the diagonal 80 % means 80 %."""
    rows = metrics["reliability"]
    rows = joined(rows, min(LEAST, max(sum(row["count"] for row in rows) // SHARE, FEWEST)))
    series = Series("test videos", [r["confidence"] for r in rows], [r["accuracy"] for r in rows])
    plot = Lines(
        "Reliability",
        "probability of the best class",
        (series,),
        percent=True,
        diagonal=True,
        note="videos a point: " + ", ".join(str(r["count"]) for r in rows),
    )
    intro = (
        "Share of right answers among test videos by the probability of their best class;"
        f" expected calibration error {metrics['ece']:.3f}."
    )
    return Section("Calibration", intro, (plot,))


def joined(rows: Sequence[Mapping[str, Any]], least: int) -> list[dict[str, Any]]:
    """Rows of `reliability`, the surest last, with neighbours joined until each has `least` videos.

    What is left over at the unsure end joins the row above it.
    """
    found: list[dict[str, Any]] = []
    for row in reversed(rows):
        if found and found[-1]["count"] < least:
            found[-1] = _both(row, found[-1])
        else:
            found.append(dict(row))
    if len(found) > 1 and found[-1]["count"] < least:
        found[-2:] = [_both(found[-1], found[-2])]
    return found[::-1]


def _both(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    count = a["count"] + b["count"]
    means = {key: (a[key] * a["count"] + b[key] * b["count"]) / count for key in ("confidence", "accuracy")}
    return {**means, "count": count}
