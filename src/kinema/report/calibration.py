"""The report's section on calibration: how often a probability is right."""

from collections.abc import Mapping
from typing import Any

from .data import Lines, Section, Series


def calibration_section(metrics: Mapping[str, Any]) -> Section:
    """The reliability plot of metrics with `ece` and `reliability`; on the diagonal 80 % means 80 %."""
    rows = metrics["reliability"]
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
