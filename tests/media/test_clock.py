from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.media.clock import Clock, with_sorted_stamps


@dataclass
class Stamp:
    pts: int | None


def sorted_stamps(stamps: list[int | None], lookahead: int) -> list[int | None]:
    return [stamp for _, stamp in with_sorted_stamps([Stamp(s) for s in stamps], lookahead)]


def test_packed_b_frame_stamps_come_out_in_order() -> None:
    assert sorted_stamps([1, 2, 4, 3, 5, 7, 6, 8], 2) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_without_lookahead_nothing_changes() -> None:
    assert sorted_stamps([1, 3, 2, None, 4], 0) == [1, 3, 2, None, 4]


@given(st.lists(st.one_of(st.none(), st.integers(0, 100)), max_size=30), st.integers(0, 5))
def test_frames_keep_their_order_and_no_stamp_is_lost(stamps: list[int | None], lookahead: int) -> None:
    frames = [Stamp(s) for s in stamps]
    pairs = list(with_sorted_stamps(frames, lookahead))
    assert [frame for frame, _ in pairs] == frames
    assert sorted(s for _, s in pairs if s is not None) == sorted(s for s in stamps if s is not None)


def seconds(stamps: list[float | None], interval: float = 0.5) -> list[float]:
    clock = Clock(interval)
    return [clock.seconds(stamp) for stamp in stamps]


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([7.0, 7.5, 8.25], [0.0, 0.5, 1.25]),  # the origin is the first frame
        ([None, None, None], [0.0, 0.5, 1.0]),  # no stamps at all: the average rate
        ([None, 3.0, 3.5], [0.0, 0.5, 1.0]),
        ([0.0, None, 1.0], [0.0, 0.5, 1.0]),
        ([0.0, 1.0, 0.75, 1.25], [0.0, 1.0, 1.0, 1.25]),  # disorder is held
        ([60.0, 60.5, 0.0, 0.5], [0.0, 0.5, 1.0, 1.5]),  # joined recordings go on
        ([0.0, 10.0, 20.0], [0.0, 10.0, 20.0]),  # a pause is content
        ([0.0, 0.5, 11.0, 11.25], [0.0, 0.5, 1.0, 1.25]),  # a gap is left out
        ([5.0, 1e17, 1e17, 6.0], [0.0, 0.5, 0.5, 1.0]),
    ],
)
def test_clock_by_hand(stamps: list[float | None], expected: list[float]) -> None:
    assert seconds(stamps) == pytest.approx(expected)


@pytest.mark.parametrize(("interval", "expected"), [(0.04, 0.04), (1.0, 1.0), (4.0, 1.0), (5000.0, 1.0)])
def test_a_gap_is_closed_to_one_interval_of_at_most_a_second(interval: float, expected: float) -> None:
    clock = Clock(interval)
    assert [clock.seconds(stamp) for stamp in (3.0, 2413.0)] == [0.0, expected]
    assert clock.left_out == pytest.approx(2410 - expected)
    assert clock.note is not None


def test_stamps_that_are_times_already_are_kept() -> None:
    clock = Clock(0.04, shift=0.0)
    assert [clock.seconds(stamp) for stamp in (0.02, 0.06)] == [0.02, 0.06]
    assert clock.note is None
    assert Clock(0.04, shift=0.0).seconds(1.7e9) == 0.0


@given(st.lists(st.one_of(st.none(), st.floats(-1e18, 1e18)), min_size=1, max_size=40), st.floats(1e-9, 1e9))
def test_no_frame_takes_longer_than_a_gap(stamps: list[float | None], interval: float) -> None:
    times = seconds(stamps, interval)
    assert all(0 <= after - before <= 10 + 1e-6 for before, after in pairwise(times))


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=40))
def test_times_start_at_zero_and_never_decrease(stamps: list[float | None]) -> None:
    times = seconds(stamps)
    assert times[0] == 0.0
    assert times == sorted(times)
