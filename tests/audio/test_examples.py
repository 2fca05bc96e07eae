"""Streaming framing: equal to the whole at once however it is cut, edges as stated, constant memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.audio.examples import LogMelStream
from kinema.audio.logmel import VGGISH, YAMNET, FrontEnd
from support.whole_sound import log_mel_examples

NOISE = np.random.default_rng(0).normal(0, 0.1, 100_000).astype(np.float32)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 70_000), st.lists(st.integers(0, 40_000), max_size=8), st.sampled_from([VGGISH, YAMNET])
)
def test_blocks_do_not_matter(length: int, cuts: list[int], front_end: FrontEnd) -> None:
    samples = NOISE[:length]
    stream = LogMelStream(front_end)
    found = [e for block in np.split(samples, sorted(cuts)) for e in stream.push(block)] + stream.finish()
    expected = log_mel_examples(samples, front_end)
    assert len(found) == len(expected)
    for i, (start_seconds, example) in enumerate(found):
        assert start_seconds == i * front_end.example_hop_frames / 100
        np.testing.assert_array_equal(example, expected[i])


@pytest.mark.parametrize(
    ("samples", "vggish", "yamnet"),
    [
        (0, 0, 0),
        (399, 0, 0),  # less than one window
        (400, 1, 1),  # one window: filled up
        (15599, 1, 1),
        (15600, 1, 1),  # exactly one example
        (15601, 1, 2),
        (15600 + 7680, 1, 2),
        (15600 + 7681, 1, 3),
        (15600 + 15359, 1, 3),
        (15600 + 15360, 2, 3),
        (16000 * 10, 10, 20),
    ],
)
def test_number_of_examples(samples: int, vggish: int, yamnet: int) -> None:
    """VGGish: 1 + (n - 15600) // 15360; YAMNet: zeros up to 15600 + k * 7680 samples."""
    wave = np.resize(NOISE, samples)
    assert len(log_mel_examples(wave, VGGISH)) == vggish
    assert len(log_mel_examples(wave, YAMNET)) == yamnet


@pytest.mark.parametrize("front_end", [VGGISH, YAMNET], ids=lambda f: f.name)
def test_a_short_track_is_filled_up_with_zeros(front_end: FrontEnd) -> None:
    padded = np.concatenate([NOISE[:5000], np.zeros(10600, np.float32)])
    np.testing.assert_array_equal(
        log_mel_examples(NOISE[:5000], front_end), log_mel_examples(padded, front_end)
    )


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match="mono"):
        LogMelStream(VGGISH).push(np.zeros((2, 100), np.float32))


@pytest.mark.parametrize("front_end", [VGGISH, YAMNET], ids=lambda f: f.name)
def test_an_hour_needs_no_more_memory_than_a_minute(front_end: FrontEnd) -> None:
    def peak(minutes: int) -> tuple[int, int]:
        stream, block, count = LogMelStream(front_end), np.resize(NOISE, 160_000), 0
        stream.push(block)
        tracemalloc.start()
        for _ in range(6 * minutes):
            count += len(stream.push(block))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most, count

    (minute, few), (hour, many) = peak(1), peak(60)
    assert many > 59 * few
    assert hour < minute + 200_000
