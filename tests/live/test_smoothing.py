"""Smoothing, hysteresis and unknown by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.live.smoothing import Average, Smoother, Smoothing


def labels(rule: Smoothing, scores: list[float], step: float = 1.0) -> list[int | None]:
    """The answers to scores of class 0; class 1 has the rest."""
    smoother = Smoother(rule)
    return [smoother.push(np.array([s, 1 - s]), i * step).label for i, s in enumerate(scores)]


def test_a_challenger_must_lead_by_the_margin() -> None:
    assert labels(Smoothing(0.0, 0.1), [0.6, 0.5, 0.46, 0.45, 0.44, 0.54, 0.56]) == [0, 0, 0, 1, 1, 1, 0]


def test_unknown_has_hysteresis_too() -> None:
    rule = Smoothing(0.0, 0.1, least=0.7)
    assert labels(rule, [0.6, 0.69, 0.7, 0.66, 0.64, 0.68, 0.71]) == [None, None, 0, 0, None, None, 0]


def test_one_wrong_moment_is_smoothed_away() -> None:
    wrong = [0.9, 0.9, 0.0, 0.9, 0.9]
    assert labels(Smoothing(0.0, 0.0), wrong, 0.1) == [0, 0, 1, 0, 0]
    assert labels(Smoothing(0.5, 0.1), wrong, 0.1) == [0] * 5


def test_average_by_its_formula() -> None:
    """After a step of height 1 the average is 1 - exp(-t / tau), however the time is cut."""
    for times in ([0.3, 0.7, 2.0], [0.1 * i for i in range(1, 21)]):
        average = Average(0.8)
        average.push(np.zeros(1), 0.0)
        found = [average.push(np.ones(1), t)[0] for t in times]
        np.testing.assert_allclose(found, 1 - np.exp(-np.array(times) / 0.8))


def test_since_and_changed() -> None:
    smoother = Smoother(Smoothing(0.0, 0.0))
    found = [smoother.push(np.array([s, 1 - s]), t) for t, s in enumerate([0.9, 0.8, 0.1, 0.2])]
    assert [a.changed for a in found] == [True, False, True, False]
    assert [a.since for a in found] == [0, 0, 2, 2]


def test_not_settled_is_unknown() -> None:
    smoother = Smoother(Smoothing(0.0, 0.0))
    assert smoother.push(np.array([1.0, 0.0]), 0.0, settled=False).label is None
    assert smoother.push(np.array([1.0, 0.0]), 1.0).label == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 0.4), st.floats(0, 1))
def test_answers_never_flicker_within_the_margin(scores: list[float], margin: float, least: float) -> None:
    """Between two answers of different classes the smoothed scores move by the margin at least."""
    smoother, held = Smoother(Smoothing(0.3, margin, least)), None
    for i, score in enumerate(scores):
        answer = smoother.push(np.array([score, 1 - score]), i * 0.1)
        if answer.label is not None:
            assert answer.scores[answer.label] >= least - margin / 2 - 1e-9
            other = answer.scores[1 - answer.label]
            assert answer.scores[answer.label] > other - margin - 1e-9 or held is None
        held = answer.label


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_forget(seconds: float) -> None:
    smoother = Smoother(Smoothing(seconds))
    smoother.push(np.array([1.0, 0.0]), 0.0)
    smoother.forget()
    answer = smoother.push(np.array([0.0, 1.0]), 5.0)
    assert (answer.label, answer.since, answer.changed) == (1, 5.0, True)
