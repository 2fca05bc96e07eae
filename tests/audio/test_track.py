"""From files to examples: what becomes of every kind of sound track, times, parts, cuts, memory."""

from __future__ import annotations

import tracemalloc
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.audio.logmel import VGGISH, YAMNET
from kinema.audio.track import SoundExamples
from kinema.errors import MediaError
from kinema.media.video import VideoFile
from support.whole_sound import log_mel_examples, sound_examples

TONE = np.round(8000 * np.sin(2 * np.pi * 440 * np.arange(16000 * 4) / 16000)) / 32768


def write_wav(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    """16-bit PCM; samples float [n] or [n, channels]."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32768).astype("<i2").tobytes())
    return path


def examples(path: Path, front_end=VGGISH, max_seconds=None, **part) -> list[tuple[float, np.ndarray]]:
    return list(sound_examples(VideoFile(path, **part).sound(16000), front_end, max_seconds))


def collect(path: Path, **part) -> tuple[list[float], np.ndarray]:
    found = examples(path, **part)
    return [seconds for seconds, _ in found], np.array([example for _, example in found])


def test_a_whole_track(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", TONE)
    times, found = collect(path)
    assert times == [0.0, 0.96, 1.92, 2.88]
    np.testing.assert_allclose(found, log_mel_examples(TONE.astype(np.float32), VGGISH), atol=1e-4)


@pytest.mark.parametrize(
    ("samples", "count", "padded"),
    [
        (TONE[:300], 0, False),
        (TONE[:400], 1, True),
        (TONE[:15599], 1, True),
        (TONE[:15600], 1, False),
        (np.zeros(64000), 0, False),
        (np.zeros(1000), 0, False),
        (np.zeros(100), 0, False),
        (np.concatenate([np.zeros(32000), TONE[:100]]), 2, False),
    ],
)
def test_what_becomes_of_a_track(tmp_path: Path, samples: np.ndarray, count: int, padded: bool) -> None:
    found = examples(write_wav(tmp_path / "a.wav", samples))
    assert len(found) == count
    if padded:
        whole = np.pad(samples, (0, 15600 - len(samples))).astype(np.float32)
        np.testing.assert_allclose(found[0][1], log_mel_examples(whole, VGGISH)[0], atol=1e-4)


def test_a_silent_beginning_keeps_its_place_in_time(tmp_path: Path) -> None:
    samples = np.concatenate([np.zeros(15360 * 20), TONE])
    times, found = collect(write_wav(tmp_path / "a.wav", samples))
    assert times == pytest.approx([0.96 * i for i in range(24)])
    assert (found[:19] == np.float32(np.log(0.01))).all()
    np.testing.assert_allclose(found, log_mel_examples(samples.astype(np.float32), VGGISH), atol=1e-4)


def test_a_part_starts_its_own_grid(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", TONE)
    times, found = collect(path, start_seconds=0.5, end_seconds=2.7)
    expected = log_mel_examples(TONE[8000:43200].astype(np.float32), VGGISH)
    assert times == pytest.approx([0.0, 0.96])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert len(examples(path, YAMNET, start_seconds=0.5, max_seconds=0.9)) == 1
    assert len(examples(path, start_seconds=0.5, end_seconds=3.9, max_seconds=1.0)) == 1
    assert len(examples(path, end_seconds=0.5)) == 1
    assert examples(path, start_seconds=9.0) == []


def test_stereo_and_other_rates_hear_the_same_tone(tmp_path: Path) -> None:
    mono = collect(write_wav(tmp_path / "a.wav", TONE))[1]
    stereo = collect(write_wav(tmp_path / "b.wav", np.stack([1.5 * TONE, 0.5 * TONE], axis=1)))[1]
    np.testing.assert_allclose(stereo, mono, atol=2e-3)
    slow_tone = 0.25 * np.sin(2 * np.pi * 440 * np.arange(8000 * 4) / 8000)
    slow = collect(write_wav(tmp_path / "c.wav", slow_tone, rate=8000))[1]
    assert slow.shape == mono.shape
    assert (slow.mean(axis=(0, 1)).argsort()[-3:] == mono.mean(axis=(0, 1)).argsort()[-3:]).all()
    surround = collect(write_wav(tmp_path / "d.wav", np.stack([TONE] * 6, axis=1)))[1]
    np.testing.assert_allclose(surround, mono, atol=2e-3)


def test_no_sound_track_is_absent(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    video = VideoFile(tmp_path / "v.mp4")
    assert list(sound_examples(video.sound(16000))) == []
    video.check()


def test_a_track_that_cannot_be_decoded_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mp3", rate=44100)
        for _ in range(20):
            noise = np.random.default_rng(0).normal(0, 0.1, (1, 1152)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
            frame.sample_rate = 44100
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert len(examples(path)) == 1
    data = path.read_bytes()
    start, stop = data.index(b"movi") + 4, data.index(b"idx1")
    body = bytearray(data[start:stop])
    position = 0
    while position + 8 <= len(body):  # keep the chunk headers, destroy what they hold
        size = int.from_bytes(body[position + 4 : position + 8], "little")
        body[position + 8 : position + 8 + size] = bytes(size)
        position += 8 + size + size % 2
    path.write_bytes(data[:start] + bytes(body) + data[stop:])
    video = VideoFile(path)
    assert list(sound_examples(video.sound(16000))) == []
    with pytest.raises(MediaError, match="packets of sound cannot be decoded; replace it"):
        video.check()


def test_a_file_that_is_no_media_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("not a video")
    with pytest.raises(MediaError):
        examples(tmp_path / "a.mp4")


@pytest.mark.parametrize("front_end", [VGGISH, YAMNET])
def test_long_silence_is_held_back_as_a_count(front_end) -> None:
    hiss = np.full(160_000, 1e-5, np.float32)
    stream = SoundExamples(front_end)
    tracemalloc.start()
    for _ in range(1000):  # 10,000 s, 640 MB
        assert stream.push(hiss) == []
    found = stream.push(np.ones(10, np.float32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
    assert len(found) == (160_000_010 - front_end.example_samples) // front_end.example_hop + 1
    assert found[-1][0] == (len(found) - 1) * front_end.example_hop / 16000
    assert all((example == np.float32(np.log(front_end.log_offset))).all() for _, example in found[:5])


@settings(max_examples=40)
@given(st.data(), st.sampled_from([VGGISH, YAMNET]), st.none() | st.sampled_from([0.5, 1.0, 2.7]))
def test_the_cut_into_blocks_does_not_matter(data, front_end, limit) -> None:
    """The reference takes the whole track at once: silence cleared up to the first audible sample."""
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    lead, rest = data.draw(st.integers(0, 40_000)), data.draw(st.integers(0, 30_000))
    samples = rng.normal(0, 0.1, lead + rest).astype(np.float32)
    samples[:lead] = 1e-5
    cuts = sorted(data.draw(st.lists(st.integers(0, lead + rest), max_size=8)))
    found = list(sound_examples(np.split(samples, cuts), front_end, limit))
    heard = samples[: None if limit is None else round(limit * 16000)].copy()
    audible = np.flatnonzero(np.abs(heard) >= 1 / 32768)
    heard[: audible[0] if len(audible) else len(heard)] = 0
    expected = log_mel_examples(heard, front_end) if len(audible) else []
    assert len(found) == len(expected)
    for (_, example), reference in zip(found, expected, strict=True):
        np.testing.assert_array_equal(example, reference)


def test_no_more_sound_is_asked_for_than_counts() -> None:
    blocks = (np.ones(16000, np.float32) for _ in range(100))
    assert len(list(sound_examples(blocks, max_seconds=2.5))) == 2
    assert sum(1 for _ in blocks) == 97


def test_real_clips(ucf_clips: Path, hockey_clips: Path) -> None:
    """Three of the six classes carry sound; the hockey clips have a track in which nothing is to be heard."""

    def heard(folder: Path, count: int) -> set[bool]:
        files = sorted(path for path in folder.rglob("*") if path.suffix in {".avi", ".mp4"})
        assert files
        return {bool(examples(path)) for path in files[:count]}

    videos = ucf_clips / "videos"
    assert heard(videos / "Surfing", 10) == {True}
    assert heard(hockey_clips / "train", 10) == {False}
    without = [f for f in videos.iterdir() if f.name not in {"Archery", "BasketballDunk", "Surfing"}]
    assert {h for folder in without for h in heard(folder, 3)} == {False}
