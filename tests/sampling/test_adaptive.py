"""Adaptive sampling: hand-made cases with known answers, and the properties that must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.sampling.adaptive import adaptive, allot
from kinema.sampling.frames import uniform
from kinema.sampling.motion import motion_by_difference, motion_by_flow


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, int]]:
    """Motion of any video, with many exact zeros and ties, and any budget."""
    length = draw(st.integers(0, 200))
    values = st.sampled_from([0.0, 0.0, 1e-9, 0.5, 1.0, 1.0, 3.0, 1000.0]) | st.floats(0, 50)
    motion = np.array(draw(st.lists(values, min_size=length, max_size=length)))
    return motion, {"frames": draw(st.integers(1, 60)), "stretches": draw(st.integers(1, 15))}


def counts_of(indices: np.ndarray, num_frames: int, frames: int, stretches: int) -> np.ndarray:
    parts = min(stretches, frames)
    edges = [i * num_frames // parts for i in range(parts + 1)]
    return np.histogram(indices, [*edges[:-1], num_frames - 0.5])[0]


@given(problems())
def test_budget_order_bounds(problem: tuple[np.ndarray, dict[str, int]]) -> None:
    motion, options = problem
    num_frames = len(motion) + 1
    indices = adaptive(motion, num_frames, **options)
    assert indices.dtype == np.int64
    assert len(indices) == min(options["frames"], num_frames)
    assert (np.diff(indices) > 0).all()
    assert indices[0] >= 0
    assert indices[-1] < num_frames
    if num_frames > options["frames"]:
        assert counts_of(indices, num_frames, **options).min() >= 1


@given(problems(), st.data())
def test_raising_the_motion_of_a_stretch_never_lowers_its_count(
    problem: tuple[np.ndarray, dict[str, int]], data: st.DataObject
) -> None:
    motion, options = problem
    num_frames = len(motion) + 1
    parts = min(options["stretches"], options["frames"])
    if num_frames <= options["frames"]:
        return
    chosen = data.draw(st.integers(0, parts - 1))
    start, stop = chosen * num_frames // parts, (chosen + 1) * num_frames // parts
    raised = motion.copy()
    raised[start:stop] += data.draw(st.sampled_from([0.01, 1.0, 100.0]))
    before = counts_of(adaptive(motion, num_frames, **options), num_frames, **options)
    after = counts_of(adaptive(raised, num_frames, **options), num_frames, **options)
    assert after[chosen] >= before[chosen]


@given(st.data())
def test_shares_are_proportional_up_to_rounding_where_no_bound_binds(data: st.DataObject) -> None:
    weights = np.array(data.draw(st.lists(st.integers(10, 30), min_size=1, max_size=12)), dtype=float)
    total = data.draw(st.integers(4 * len(weights), 200))
    counts = allot(weights, np.full(len(weights), 1000), total)
    exact = total * weights / weights.sum()
    assert counts.sum() == total
    assert (np.abs(counts - exact) < 1 + 1e-6).all()
    # Largest remainder: nobody who was rounded down had a larger remainder than one who was rounded up.
    down = (exact - np.floor(exact + 1e-9))[counts <= exact + 1e-9]
    up = (exact - np.floor(exact + 1e-9))[counts > exact + 1e-9]
    assert not len(down) or not len(up) or down.max() <= up.min() + 1e-6


@pytest.mark.parametrize(
    ("weights", "limits", "total", "expected"),
    [
        ([1, 1, 1], [9, 9, 9], 9, [3, 3, 3]),
        ([1, 2, 3], [90, 90, 90], 60, [10, 20, 30]),
        ([1, 1, 1], [9, 9, 9], 10, [4, 3, 3]),  # a tie goes to the earlier
        ([0, 1, 0], [50, 50, 50], 20, [1, 18, 1]),  # the still ones get one each
        ([0, 1, 0], [50, 10, 50], 20, [5, 10, 5]),  # what the moving one cannot take is shared
        ([8, 1, 1], [10, 50, 50], 30, [10, 10, 10]),
        ([8, 1, 3], [10, 50, 50], 30, [10, 5, 15]),
        ([100, 1, 1], [9, 9, 9], 3, [1, 1, 1]),
        ([5, 1, 2], [4, 5, 6], 15, [4, 5, 6]),
    ],
)
def test_allotments_worked_out_by_hand(
    weights: list[float], limits: list[int], total: int, expected: list[int]
) -> None:
    assert allot(np.array(weights, float), np.array(limits), total).tolist() == expected


def test_a_still_video_is_sampled_uniformly() -> None:
    np.testing.assert_array_equal(adaptive(np.zeros(899), 900), uniform(900, 180))


def test_constant_motion_is_sampled_at_equal_distances() -> None:
    np.testing.assert_array_equal(adaptive(np.full(899, 2.5), 900), uniform(900, 180))


def test_one_spike_takes_all_but_one_each() -> None:
    motion = np.zeros(2399)
    motion[1250] = 40.0  # stretch 6 of 12: frames 1200-1399
    counts = counts_of(adaptive(motion, 2400), 2400, 180, 12)
    assert counts.tolist() == [1, 1, 1, 1, 1, 1, 169, 1, 1, 1, 1, 1]


def test_a_short_video_is_taken_whole() -> None:
    assert adaptive(np.array([0.0, 9.0]), 3).tolist() == [0, 1, 2]
    assert adaptive(np.zeros(0), 1).tolist() == [0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_motion_that_is_no_motion_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        adaptive(np.array([1.0, bad]), 3)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="3 frames have motion \\[2\\]"):
        adaptive(np.ones(3), 3)
    with pytest.raises(ValueError, match="at least 1"):
        adaptive(np.ones(2), 3, frames=0)


def test_flow_motion_is_the_mean_vector_length() -> None:
    field = np.zeros((2, 4, 5), np.float32)
    field[0], field[1] = 3.0, 4.0
    half = field.copy()
    half[:, :2] = 0
    assert motion_by_flow(iter([field, half])).tolist() == [5.0, 2.5]
    assert motion_by_flow([]).shape == (0,)


def test_difference_motion_of_cases_with_known_answers() -> None:
    black, white = np.zeros((96, 128), np.uint8), np.full((96, 128), 255, np.uint8)
    half = black.copy()
    half[:, 64:] = 100
    assert motion_by_difference(iter([black, black, white, black, half])).tolist() == [0, 255, 255, 50]
    assert motion_by_difference([white]).shape == (0,)


def test_difference_motion_grows_with_speed_and_ignores_fine_noise() -> None:
    rng = np.random.default_rng(0)

    def moving(step: int, noise: float) -> list[np.ndarray]:
        frames = np.full((6, 240, 320), 60.0) + rng.normal(0, noise, (6, 240, 320))
        for i, frame in enumerate(frames):
            frame[80:160, 40 + i * step : 100 + i * step] += 120
        return list(frames.clip(0, 255).astype(np.uint8))

    still, slow, fast = (motion_by_difference(moving(step, 4.0)).mean() for step in (0, 4, 12))
    assert still < slow / 2 < fast / 4


def test_frame_size_may_change_and_frames_may_be_tiny() -> None:
    sizes = [(240, 320), (480, 640), (1, 1), (50, 33)]
    frames = [np.full(size, 7, np.uint8) for size in sizes]
    assert motion_by_difference(frames).tolist() == [0, 0, 0]
