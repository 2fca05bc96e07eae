"""Segments that are followed step by step are those that the whole file gives at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.model.follow import SegmentFollower
from kinema.model.smoothing import Smoothing, find_segments
from kinema.types import Segment

seconds = st.sampled_from([0.0, 0.125, 0.25, 0.5, 1.0])
rules = st.builds(
    lambda on, drop, window, gap, hold: Smoothing(
        np.array([on, 0.6]), np.array([on - drop, 0.4]), window, gap, hold
    ),
    st.floats(0.3, 0.9), st.floats(0.0, 0.3), seconds, seconds, seconds,
)  # fmt: skip


@settings(max_examples=150)
@given(rules, st.integers(0, 2**32 - 1), st.integers(0, 60), st.booleans())
def test_step_by_step_is_all_at_once(rule: Smoothing, seed: int, count: int, even: bool) -> None:
    rng = np.random.default_rng(seed)
    times = np.cumsum(np.full(count, 0.125) if even else rng.choice([0.0, 0.1, 0.125, 0.4], count))
    level = np.repeat(rng.random((count // 3 + 1, 2)), 3, axis=0)[:count]
    scores = (0.7 * level + 0.3 * rng.random((count, 2))).astype(np.float32)
    follower, changes = SegmentFollower(rule, ("a", "b")), []
    for time in dict.fromkeys(times.tolist()):
        made = follower.push(scores[times == time], time)
        assert all(one.seconds == time for one in made)
        changes += made
    changes += follower.finish()
    expected = find_segments(scores, times, rule, ("a", "b"), both=False)
    closed = [one.segment for one in changes if one.kind == "closed"]
    closed.sort(key=lambda s: (s.start_seconds, s.label))
    assert [s.label for s in closed] == [one.segment.label for one in expected]
    for found, one in zip(closed, expected, strict=True):
        assert found.start_seconds == one.segment.start_seconds
        assert found.end_seconds == pytest.approx(one.segment.end_seconds, abs=1e-5)
        assert found.score == pytest.approx(one.segment.score, abs=1e-5)
    reports = [one for one in changes if one.kind == "reported"]
    reported = sorted((one.segment.start_seconds, one.segment.label, one.seconds) for one in reports)
    assert reported == [(o.segment.start_seconds, o.segment.label, o.reported) for o in expected]
    kinds = [one.kind for one in changes]
    assert kinds.count("opened") == kinds.count("closed") + kinds.count("dropped")


@pytest.mark.parametrize("scores", [[0.9, 0.9], [0.9, 0.1], [0.9, 0.1, 0.9]])
def test_steps_at_one_time_alone(scores: list[float]) -> None:
    """A source slower than the sampling: its steps have one time, and a step lasts a second."""
    steps, times = np.array(scores)[:, None], np.zeros(len(scores))
    found = find_segments(steps, times, Smoothing.plain(1), ("a",), both=False)
    follower = SegmentFollower(Smoothing.plain(1), ("a",))
    changes = follower.push(steps, 0.0) + follower.finish()
    followed = [one.segment for one in changes if one.kind == "closed"]
    assert [one.segment for one in found] == followed
    assert followed[-1].end_seconds == (1.0 if scores[-1] > 0.5 else 1e-9)


def test_what_is_on_now() -> None:
    rule = Smoothing(np.array([0.5]), np.array([0.5]), hold=0.2)
    follower = SegmentFollower(rule, ("a",))
    said = []
    for step, score in enumerate([0.1, 0.9, 0.8, 0.9, 0.2, 0.9, 0.1]):
        changes = follower.push(np.array([score]), step / 10)
        said.append(([one.kind for one in changes], [s.label for s in follower.reported]))
    assert said == [
        ([], []), (["opened"], []), ([], []), (["reported"], ["a"]), ([], []),
        (["closed", "opened"], []), ([], []),
    ]  # fmt: skip
    (dropped,) = follower.finish()
    assert (dropped.kind, dropped.segment) == ("dropped", Segment("a", 0.5, 0.6, 0.9))
