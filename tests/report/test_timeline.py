"""Strips of truth and answer: places by time, levels for what overlaps, links to what is shown closely."""

from __future__ import annotations

import re

from kinema.report.data import Span, Timelines, VideoTimeline
from kinema.report.timeline import figures_section, timeline_headline, timelines_figure

METRICS = {
    "f1_10": 0.9, "f1_25": 0.9, "f1_50": 0.875, "edit": 0.8, "accuracy": 0.7, "map_frame": 0.6,
    "map_tiou": 0.5, "missed": 0.1, "false_alarms_per_hour": 12.0, "n_test": 3, "hours": 0.5,
    "majority_baseline": 0.4,
    "delay_seconds": {"mean": 0.75, "median": 0.5}, "ci95_of": {"f1_50": [0.8, 0.9]}, "split": "made",
    "per_class": [{"label": "a", "support": 4, "found": 5, "precision": 0.8, "recall": 1.0, "f1": 0.9}],
    "baselines": {"always background": {
        "f1_10": 0.0, "f1_25": 0.0, "f1_50": 0.0, "edit": 0.0, "accuracy": 0.4,
        "map_frame": 0.1, "map_tiou": 0.0, "missed": 1.0, "false_alarms_per_hour": 0.0, "delay_seconds": None,
    }},
}  # fmt: skip


def test_spans_lie_where_their_times_are_and_overlapping_ones_on_levels_of_their_own() -> None:
    spans = (Span("a", 0, 5, "score 0.90", "miss-1"), Span("b<", 4, 10), Span("a", 6, 8))
    found = timelines_figure(
        Timelines(("a", "b<"), [VideoTimeline("x & y", 20, (("truth", spans), ("answer", ())))])
    )
    places = re.findall(r'class="c(\d)[^"]*" style="left:([\d.]+)%;width:([\d.]+)%;top:([\d.]+)%', found)
    assert [(int(c), float(x), float(w), float(t)) for c, x, w, t in places] == [
        (0, 0, 25, 0), (1, 20, 30, 50), (0, 30, 10, 0),
    ]  # fmt: skip
    assert '<a href="#miss-1" class="c0 marked"' in found
    assert "x &amp; y" in found
    assert "b&lt;" in found
    assert "b<," not in found


def test_the_headline_and_the_table_say_the_figures_and_the_baselines() -> None:
    told = timeline_headline(METRICS)
    assert "87.5" in told
    assert "<b>3 held-out videos</b>" in told
    figures = figures_section(METRICS)
    rows = {row[0]: row[1:] for row in figures.figures[0].rows}  # type: ignore[union-attr]
    assert rows["segmental F1 at 50 % overlap"] == ("87.5\u202f%", "80.0\u202f% to 90.0\u202f%", "0.0\u202f%")
    assert rows["mean delay from a start to its report"] == ("0.8\u202fs", "", "")
