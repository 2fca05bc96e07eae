"""Samplers: hand-made cases, properties, and the streaming forms against the whole-video ones."""

from __future__ import annotations

import doctest
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.errors import MediaError
from kinema.sampling import specs
from kinema.sampling.adaptive import adaptive
from kinema.sampling.frames import count_within, uniform
from kinema.sampling.online import IndexSampler, WholeVideo, online_sampler
from support.whole_samples import first_n, jump, rate, run, segments, windows

counts = st.integers(1, 90)
small = st.integers(1, 25)
policies = st.sampled_from(["repeat_last", "wrap"])


def test_first_n_repeats_the_last_frame_of_a_short_video():
    assert first_n(3, 5).tolist() == [0, 1, 2, 2, 2]
    assert first_n(50, 40).tolist() == list(range(40))
    assert first_n(3, 7, "wrap").tolist() == [0, 1, 2, 0, 1, 2, 0]
    with pytest.raises(MediaError, match="3 frames where 5"):
        first_n(3, 5, "error")


def test_segments_keep_a_short_last_one():
    assert segments(7, 3).tolist() == [[0, 1, 2], [3, 4, 5], [6, 6, 6]]
    assert segments(6, 3).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert segments(8, 3, "wrap")[-1].tolist() == [6, 7, 6]
    assert len(segments(100, 10, max_segments=4)) == 4


def test_windows_are_whole_unless_the_video_is_shorter_than_one():
    assert windows(8, 4, 2).tolist() == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]
    assert windows(9, 4, 3)[:, 0].tolist() == [0, 3]
    assert windows(2, 4, 3).tolist() == [[0, 1, 1, 1]]


def test_jump_of_a_clip_shorter_than_the_jump_keeps_its_first_frame():
    assert jump(3, 8).tolist() == [0]
    assert jump(10, 4).tolist() == [0, 4, 8]
    assert jump(100, 4, max_frames=3).tolist() == [0, 4, 8]


def test_rate_goes_by_time_and_not_by_frame_number():
    steady = np.arange(50) / 25
    assert rate(steady, 5).tolist() == [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]
    # A gap of one second: the frame after it stands for the ticks inside.
    gap = np.array([0.0, 0.1, 1.1, 1.2])
    assert rate(gap, 5).tolist() == [0, 2, 2, 2, 2, 2, 3]
    # 30 and 25 frames per second of the same two seconds give the same number of steps.
    assert len(rate(np.arange(60) / 30, 8)) == len(rate(steady, 8)) == 16


@given(counts, small)
def test_uniform_is_sorted_within_bounds_and_evenly_spread(num_frames, frames):
    chosen = uniform(num_frames, frames)
    assert len(chosen) == frames
    assert (np.diff(chosen) >= 0).all()
    assert chosen.min() >= 0
    assert chosen.max() < num_frames
    if num_frames >= frames:
        steps = np.diff(chosen)
        assert len(steps) == 0 or steps.max() - steps.min() <= 1
        assert abs(chosen[0] - (num_frames - 1 - chosen[-1])) <= 1


def streamed(spec, pts, total=None):
    clips = run(online_sampler(spec, total), ((i, t, i) for i, t in enumerate(pts)))
    return [list(map(int, clip)) for clip in clips]


@given(counts, small, policies)
def test_streaming_first_n(num_frames, frames, policy):
    spec = specs.FirstN(kind="first_n", frames=frames, policy=policy)
    expected = first_n(num_frames, frames, policy).tolist()
    assert streamed(spec, np.arange(num_frames) / 25) == [[i] for i in expected]


@given(counts, small, st.none() | small)
def test_streaming_jump(num_frames, every, limit):
    spec = specs.Jump(kind="jump", every=every, max_frames=limit)
    expected = jump(num_frames, every, limit).tolist()
    assert streamed(spec, np.arange(num_frames) / 25) == [[i] for i in expected]


@given(
    st.lists(st.floats(0, 0.7), max_size=60), st.sampled_from([1.0, 3.0, 8.0, 12.5, 60.0]), st.none() | small
)
def test_streaming_rate(gaps, fps, limit):
    pts = np.concatenate([[0.25], 0.25 + np.cumsum(gaps)])
    spec = specs.Rate(kind="rate", fps=fps, max_frames=limit)
    assert streamed(spec, pts) == [[i] for i in rate(pts, fps, limit).tolist()]


@given(counts, small, policies, st.none() | small)
def test_streaming_segments(num_frames, length, policy, limit):
    spec = specs.Segments(kind="segments", length=length, policy=policy, max_segments=limit)
    expected = segments(num_frames, length, policy, limit).tolist()
    assert streamed(spec, np.arange(num_frames) / 25) == expected


@given(counts, small, small, policies)
def test_streaming_windows(num_frames, length, stride, policy):
    spec = specs.Windows(kind="windows", length=length, stride=stride, policy=policy)
    assert streamed(spec, np.arange(num_frames) / 25) == windows(num_frames, length, stride, policy).tolist()


seconds = st.none() | st.floats(0.01, 5)
times = st.lists(st.floats(0, 0.7), max_size=60).map(lambda gaps: np.concatenate([[0], np.cumsum(gaps)]))


@given(times, small, seconds)
def test_uniform_with_a_known_total_keeps_no_frame(pts, frames, seconds):
    spec = specs.Uniform(kind="uniform", frames=frames, seconds=seconds)
    count = count_within(pts, seconds)
    assert streamed(spec, pts, total=count) == [[i] for i in uniform(count, frames).tolist()]


def watched(spec, pts):
    """The whole-video sampler after the video, and the frames that it wanted."""
    sampler, kept = online_sampler(spec), []
    assert isinstance(sampler, WholeVideo)
    assert sampler.whole
    for index, seconds in enumerate(pts):
        if sampler.wants(index, seconds):
            assert sampler.push(index, index, seconds) == []
            kept.append(index)
        if sampler.done:
            break
    assert sampler.finish() == []
    return sampler, kept


@given(times, small, seconds)
def test_uniform_without_a_total_chooses_at_the_end(pts, frames, seconds):
    spec = specs.Uniform(kind="uniform", frames=frames, seconds=seconds)
    sampler, kept = watched(spec, pts)
    before = [i for i, t in enumerate(pts) if i == 0 or seconds is None or t < seconds - 1e-4]
    assert kept == before
    assert sampler.done == (len(before) < len(pts))
    np.testing.assert_array_equal(sampler.choose(len(kept)), uniform(len(before), frames))


@given(times, small, small, st.floats(0.01, 5), st.data())
def test_adaptive_chooses_at_the_end(pts, frames, stretches, seconds, data):
    spec = specs.Adaptive(kind="adaptive", frames=frames, seconds=seconds, stretches=stretches)
    sampler, kept = watched(spec, pts)
    count = count_within(pts, seconds)
    assert kept == list(range(count))
    motion = np.array(data.draw(st.lists(st.floats(0, 9), min_size=count - 1, max_size=count - 1)))
    expected = adaptive(motion, count, frames=frames, stretches=stretches)
    np.testing.assert_array_equal(sampler.choose(count, motion), expected)
    with pytest.raises(ValueError, match="needs the motion"):
        sampler.choose(count)


def test_a_short_video_is_an_error_where_the_policy_says_so():
    spec = specs.Uniform(kind="uniform", frames=5, policy="error")
    with pytest.raises(MediaError, match="3 frames where 5"):
        online_sampler(spec, total=3)
    with pytest.raises(MediaError, match="3 frames where 5"):
        online_sampler(spec).choose(3)


def test_declaring_a_sampling_imports_nothing_heavy():
    code = "import kinema.sampling.specs, sys; assert not {'torch', 'av', 'numba', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "module", ["kinema.sampling.adaptive", "kinema.sampling.frames", "support.whole_samples"]
)
def test_documented_examples(module):
    result = doctest.testmod(import_module(module))
    assert result.failed == 0
    assert result.attempted > 0


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30))
def test_index_sampler_repeats_and_stops(indices):
    read: list[int] = []

    def frames():
        for i in range(41):
            read.append(i)
            yield i, i / 25, i

    assert [clip[0] for clip in run(IndexSampler(indices), frames())] == sorted(indices)
    assert read[-1] == max(indices)
