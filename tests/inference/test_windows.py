"""Sliding windows by hand, and that none of the steps is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.inference.windows import cut, sliding_windows
from kinema.types import FeatureSequence


def sequence(*times: float) -> FeatureSequence:
    """One step a time; its only feature is its number."""
    data = np.arange(len(times), dtype=np.float32).reshape(-1, 1)
    return FeatureSequence(data, np.array(times, dtype=np.float64), present=bool(times))


def windows(window: float, stride: float, **streams: FeatureSequence) -> list[tuple[float, float, list]]:
    return [
        (start, end, [part[name].pts_seconds.tolist() for name in streams])
        for start, end, part in sliding_windows(streams, window, stride)
    ]


def test_by_hand() -> None:
    assert windows(2, 1, rgb=sequence(0, 1, 2, 3)) == [
        (0, 2, [[0, 1]]),
        (1, 3, [[1, 2]]),
        (2, 4, [[2, 3]]),
    ]


def test_last_step_on_an_edge_has_a_window() -> None:
    assert windows(2, 2, rgb=sequence(0, 1, 2)) == [(0, 2, [[0, 1]]), (2, 4, [[2]])]


def test_video_shorter_than_a_window() -> None:
    assert windows(5, 1, rgb=sequence(0, 0.5)) == [(0, 5, [[0, 0.5]])]
    assert windows(5, 1, rgb=sequence(0)) == [(0, 5, [[0]])]


def test_gaps() -> None:
    """Nothing is said about a stretch in which nothing was seen."""
    found = windows(1, 1, rgb=sequence(0.2, 3.4))
    assert [(start, end) for start, end, _ in found] == [(0, 1), (3, 4)]


def test_streams_of_different_lengths() -> None:
    found = windows(1, 1, rgb=sequence(0, 1, 2), audio=sequence(0))
    assert [parts for _, _, parts in found] == [[[0], [0]], [[1], []], [[2], []]]


def test_absent_streams() -> None:
    assert windows(1, 1, rgb=sequence(0), audio=sequence()) == [(0, 1, [[0], []])]
    assert windows(1, 1, audio=sequence()) == []


def test_features_follow_their_times() -> None:
    part = cut(sequence(0, 0.5, 1.0, 1.5), 0.5, 1.5)
    assert part.data.ravel().tolist() == [1, 2]
    assert not cut(sequence(0.0), 1, 2).present


@pytest.mark.parametrize(("window", "stride"), [(0, 1), (1, 0), (-1, 1)])
def test_nonsense_is_refused(window: float, stride: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        list(sliding_windows({"rgb": sequence(0)}, window, stride))


@given(
    times=st.lists(st.floats(0, 60), min_size=1, max_size=12, unique=True).map(sorted),
    window=st.floats(0.1, 8),
    share=st.floats(0.1, 1),
)
def test_no_step_is_lost(times: list[float], window: float, share: float) -> None:
    """Where windows touch or overlap, every step lies in one, and no window is empty."""
    seen: set[float] = set()
    for start, end, (found,) in windows(window, window * share, rgb=sequence(*times)):
        assert found
        assert all(start <= t < end for t in found)
        seen |= set(found)
    assert seen == set(times)
