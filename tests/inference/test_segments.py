"""Segments from windows: against runs counted by hand and by itertools."""

from __future__ import annotations

from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.inference.segments import segments
from kinema.types import Prediction

LABELS = ("a", "b", "c")


def window(start: float, label: str, score: float = 0.8, length: float = 2.0) -> Prediction:
    scores = np.full(3, (1 - score) / 2, np.float32)
    scores[LABELS.index(label)] = score
    return Prediction(Path("long.mp4"), LABELS, scores, start, start + length)


def told(found: list[Prediction]) -> list[tuple[float | None, float | None, str]]:
    return [(s.start_seconds, s.end_seconds, s.label) for s in found]


def test_three_actions_are_three_segments_not_31_windows():
    windows = [window(i, "a" if i < 10 else "b" if i < 20 else "a") for i in range(31)]
    # Windows 9 and 10 both see 10 to 11 s; the segments meet in its middle.
    assert told(segments(windows)) == [(0, 10.5, "a"), (10.5, 20.5, "b"), (20.5, 32, "a")]


def test_the_score_is_the_mean():
    (one,) = segments([window(0, "b", 0.6), window(1, "b", 0.8), window(2, "b", 1.0)])
    assert one.score == pytest.approx(0.8)
    assert one.scores == pytest.approx([0.1, 0.8, 0.1])


def test_a_gap_parts_segments_of_one_label():
    found = segments([window(0, "a"), window(1, "a"), window(9, "a"), window(10, "a")])
    assert told(found) == [(0, 3, "a"), (9, 12, "a")]


def test_doubtful_windows_are_segments_of_their_own():
    windows = [window(0, "a"), window(1, "a", 0.4), window(2, "b", 0.4), window(3, "b")]
    found = segments(windows, min_score=0.5)
    assert [(s.start_seconds, s.end_seconds) for s in found] == [(0, 1.5), (1.5, 3.5), (3.5, 5)]
    assert [s.score >= 0.5 for s in found] == [True, False, True]


def test_nothing_and_windows_without_times():
    assert segments([]) == []
    with pytest.raises(ValueError, match="start"):
        segments([Prediction(Path("x"), LABELS, np.zeros(3, np.float32))])


@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=40))
def test_segments_cover_the_windows_in_order_without_overlap(labels: list[str]):
    found = segments([window(i, label) for i, label in enumerate(labels)])
    assert [s.label for s in found] == [label for label, _ in groupby(labels)]
    assert (found[0].start_seconds, found[-1].end_seconds) == (0, len(labels) + 1)
    assert all(a.end_seconds == b.start_seconds for a, b in pairwise(found))
