"""The arithmetic behind the figures, against known values and other libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.report import markup
from kinema.report.classes import wilson
from kinema.report.clips import surest_and_worst
from kinema.report.data import Lines, Series
from kinema.report.figures import line_chart, nice_ticks


def test_wilson_against_the_roots_of_its_equation():
    """The ends of the interval are the p where (p̂ - p)² = z² p (1 - p) / n (Wilson 1927)."""
    hits, total, z = 17, 20, 1.96
    share, ratio = hits / total, z * z / total
    roots = np.roots([1 + ratio, -(2 * share + ratio), share**2])
    assert wilson(hits, total) == pytest.approx(sorted(roots))
    assert wilson(20, 20)[1] == pytest.approx(1)
    assert wilson(0, 0) == (0, 1)


@given(st.floats(-1e3, 1e3), st.floats(1e-2, 1e6))
def test_ticks_are_round_and_cover(low, span):
    ticks = nice_ticks(low, low + span)
    steps = np.diff(ticks)
    assert ticks[0] <= low + 1e-6 * span
    assert ticks[-1] >= low + span - 1e-6 * span
    assert len(ticks) <= 7
    step = ticks[-1] / round(ticks[-1] / steps[0]) if round(ticks[-1] / steps[0]) else steps[0]
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(mantissa - nice) for nice in (1, 2, 5, 10)) < 1e-3


def test_ticks_of_a_constant():
    assert nice_ticks(0, 2) == pytest.approx([0, 0.5, 1, 1.5, 2])
    assert len(nice_ticks(3, 3)) > 1


def test_a_gap_lifts_the_pen():
    chart = line_chart(Lines("t", "x", (Series("a", [0, 1, 2, 3], [0, 1, None, 1]),), percent=True))
    assert 'd="M0.0 1000.0L333.3 0.0M1000.0 0.0m-6 0h12"' in chart


def test_nothing_to_draw_draws_nothing():
    assert line_chart(Lines("t", "x", ())) == ""
    assert line_chart(Lines("t", "x", (Series("a", [0], [math.nan]),))) == ""


def test_series_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="2 x values and 1 y"):
        Series("a", [0, 1], [1])


def test_surest_hits_take_turns_and_misses_go_by_gap():
    scores = np.array(
        [[0.9, 0.1, 0], [0.99, 0.01, 0], [0, 0.6, 0.4], [0.5, 0.1, 0.4], [0, 0.9, 0.1], [0.7, 0.3, 0]]
    )
    truth = np.array([0, 0, 1, 2, 2, 1])
    hits, misses = surest_and_worst(scores, truth, hits=3)
    assert hits == [1, 2, 0]  # one per class before a second one of class 0
    assert misses == [4, 5, 3]  # gaps 0.8, 0.4, 0.1
    assert surest_and_worst(scores, truth, hits=1, misses=1) == ([1], [4])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (59.97, "1 min 0 s"),
        (187, "3 min 7 s"),
        (3599.6, "1 h 0 min"),
        (7300, "2 h 2 min"),
        (math.nan, "–"),
    ],
)
def test_durations(seconds, text):
    assert markup.duration(seconds).replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("size", "text"), [(999, "999 B"), (1_530_000, "1.5 MB"), (26_000_000_000, "26.0 GB")]
)
def test_sizes(size, text):
    assert markup.size(size).replace("\u202f", " ") == text


@given(st.text())
def test_json_cannot_end_its_script(text):
    block = markup.json_script({"x": text, "n": [math.nan, np.float32(0.5)]}, "k")
    inside = block.removeprefix('<script type="application/json" class="k">').removesuffix("</script>")
    assert "<" not in inside
    assert "NaN" not in inside or "NaN" in text


def test_lines_of_a_recipe_are_kept():
    assert markup.block("a: 1\n  b: <x>\x07") == "a: 1\n  b: &lt;x&gt;␇"


def test_the_legend_of_a_diagonal_chart_has_no_last_value():
    curve = Series("AUROC 0.93", [0, 0.5, 1], [0, 0.9, 1])
    assert "100" in legend_of(Lines("ROC", "false alarms", (curve,), percent=True))
    assert "100" not in legend_of(Lines("ROC", "false alarms", (curve,), percent=True, diagonal=True))


def legend_of(lines: Lines) -> str:
    return line_chart(lines).split('<ul class="legend">')[1].split("</ul>")[0]
