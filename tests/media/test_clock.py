from __future__ import annotations

from dataclasses import dataclass

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
    ],
)
def test_clock_by_hand(stamps: list[float | None], expected: list[float]) -> None:
    assert seconds(stamps) == pytest.approx(expected)


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=40))
def test_times_start_at_zero_and_never_decrease(stamps: list[float | None]) -> None:
    times = seconds(stamps)
    assert times[0] == 0.0
    assert times == sorted(times)
