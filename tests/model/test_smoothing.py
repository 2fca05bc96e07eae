"""Scores -> segments against a machine that sees one step after the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.features.sequence_file import SequenceWriter
from kinema.model.build import build_recognizer
from kinema.model.smoothing import Smoothing, find_segments, running_mean
from kinema.model.timeline import TimelineRecognizer
from kinema.recipe import changed, load_recipe
from kinema.types import FeatureSequence

STEP = 0.25


def online(
    scores: list[float], on: float, off: float, gap: float, hold: float
) -> list[tuple[float, float, float]]:
    """(start, end, reported) by a state machine that is given steps one by one."""
    found: list[tuple[float, float, float]] = []
    start: float | None = None
    last = reported = 0.0
    for number, score in enumerate([*scores, *[-1.0] * 40]):
        now = number * STEP
        if start is not None and now + STEP - last > gap + 1e-9 and score < off:
            if reported >= 0:
                found.append((start, last, reported))
            start = None
        if start is None and score >= on:
            start, reported = now, -1.0
        if start is not None and score >= off:
            last = now + STEP
            if reported < 0 and now - start >= hold - 1e-9:
                reported = now
    return found


levels = st.sampled_from([0.1, 0.35, 0.45, 0.7])


@settings(max_examples=300)
@given(
    st.lists(levels, min_size=2, max_size=60),
    st.sampled_from([0.3, 0.4]),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
def test_segments_are_those_of_steps_that_come_one_by_one(
    scores: list[float], off: float, gap: float, hold: float
) -> None:
    smoothing = Smoothing(np.array([0.4]), np.array([off]), 0.0, gap, hold)
    table = np.array(scores)[:, None]
    found = find_segments(table, np.arange(len(scores)) * STEP, smoothing, ("a",), both=False)
    ours = [(f.segment.start_seconds, f.segment.end_seconds, f.reported) for f in found]
    expected = online(scores, 0.4, off, gap, hold)
    np.testing.assert_allclose(np.reshape(ours, (-1, 3)), np.reshape(expected, (-1, 3)))


def test_the_running_mean_looks_back_or_around() -> None:
    times = np.arange(20) * STEP
    scores = np.random.default_rng(0).random((20, 2))
    for both in (False, True):
        slow = [
            scores[(times >= t - (0.5 if both else 1.0) - 1e-9) & (times <= t + 0.5 * both + 1e-9)].mean(0)
            for t in times
        ]
        np.testing.assert_allclose(running_mean(scores, times, 1.0, both=both), slow)


def test_overlapping_classes_and_no_steps_at_all() -> None:
    scores = np.array([[0.9, 0.1], [0.9, 0.9], [0.1, 0.9]])
    found = find_segments(scores, np.arange(3.0), Smoothing.plain(2), ("a", "b"), both=True)
    spans = [(f.segment.label, f.segment.start_seconds, f.segment.end_seconds) for f in found]
    assert spans == [("a", 0, 2), ("b", 1, 3)]
    assert found[0].segment.score == pytest.approx(0.9)
    assert find_segments(np.zeros((0, 2)), np.zeros(0), Smoothing.plain(2), ("a", "b"), both=True) == []


@pytest.mark.parametrize("recipe", ["timeline", "timeline-both"])
def test_a_long_video_is_scored_in_pieces_as_if_whole(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    spec = changed(
        load_recipe(recipe), {"data.classes": 2, "temporal.units": 4, "streams.rgb.standardize": False}
    )
    model = build_recognizer(spec, {"rgb": 3}, 2).eval()
    assert isinstance(model, TimelineRecognizer)
    assert model.both == (recipe == "timeline-both")
    data = torch.randn(300, 3)
    whole = model.whole(data[None])[0].sigmoid().detach().numpy()
    monkeypatch.setattr("kinema.model.timeline.PIECE", 64)
    monkeypatch.setattr("kinema.model.timeline.MARGIN", 64)
    found = model.step_scores(FeatureSequence(data.numpy(), np.arange(300) / 8))
    np.testing.assert_allclose(found, whole, atol=1e-5)
    if not model.both:
        state, steps = model.initial_state(1), []
        for x in data:
            scores, state = model.step(x[None], state)
            steps.append(scores[0].detach().numpy())
        np.testing.assert_allclose(np.stack(steps), whole, atol=1e-5)


def test_writer_is_what_the_pieces_are_read_from(tmp_path) -> None:
    from kinema.features.sequence_file import read_steps

    writer = SequenceWriter(tmp_path / "x.safetensors", 2)
    data = np.arange(20, dtype=np.float32).reshape(10, 2)
    writer.append(data, list(range(10)))
    writer.commit()
    np.testing.assert_array_equal(read_steps(writer.path, 3, 7), data[3:7])
