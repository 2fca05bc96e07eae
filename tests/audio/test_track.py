"""From files to examples: the outcome of every kind of sound track, times, parts, memory."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from kinema.audio.examples import log_mel_examples
from kinema.audio.logmel import VGGISH, YAMNET
from kinema.audio.track import PRESENT, audio_examples, sound_outcome, unless_silent
from kinema.errors import MediaError

TONE = np.round(8000 * np.sin(2 * np.pi * 440 * np.arange(16000 * 4) / 16000)) / 32768


def write_wav(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    """16-bit PCM; samples float [n] or [n, channels]."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32768).astype("<i2").tobytes())
    return path


def collect(path: Path, **options: object) -> tuple[list[float], np.ndarray]:
    found = list(audio_examples(path, **options))  # type: ignore[arg-type]
    return [seconds for seconds, _ in found], np.array([example for _, example in found])


def test_a_whole_track(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", TONE)
    times, examples = collect(path, front_end=VGGISH)
    assert times == [0.0, 0.96, 1.92, 2.88]
    np.testing.assert_allclose(examples, log_mel_examples(TONE.astype(np.float32), VGGISH), atol=1e-4)
    assert sound_outcome(path) == "ok"


@pytest.mark.parametrize(
    ("samples", "outcome", "count"),
    [
        (TONE[:300], "too short", 0),
        (TONE[:400], "padded", 1),
        (TONE[:15599], "padded", 1),
        (TONE[:15600], "ok", 1),
        (np.zeros(64000), "silent", 0),
        (np.zeros(1000), "silent", 0),
        (np.zeros(100), "too short", 0),
        (np.concatenate([np.zeros(32000), TONE[:100]]), "ok", 2),
    ],
)
def test_outcomes(tmp_path: Path, samples: np.ndarray, outcome: str, count: int) -> None:
    path = write_wav(tmp_path / "a.wav", samples)
    assert sound_outcome(path) == outcome
    assert len(list(audio_examples(path))) == count
    assert (outcome in PRESENT) == (count > 0)


def test_a_silent_beginning_keeps_its_place_in_time(tmp_path: Path) -> None:
    samples = np.concatenate([np.zeros(15360 * 20), TONE])
    times, examples = collect(write_wav(tmp_path / "a.wav", samples))
    assert times == pytest.approx([0.96 * i for i in range(24)])
    assert (examples[:19] == np.float32(np.log(0.01))).all()
    np.testing.assert_allclose(examples, log_mel_examples(samples.astype(np.float32), VGGISH), atol=1e-4)


def test_a_part_starts_its_own_grid_in_video_time(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", TONE)
    times, examples = collect(path, start_seconds=0.5, end_seconds=2.7)
    expected = log_mel_examples(TONE[8000:43200].astype(np.float32), VGGISH)
    assert times == pytest.approx([0.5, 1.46])
    np.testing.assert_allclose(examples, expected, atol=1e-4)
    assert len(list(audio_examples(path, YAMNET, start_seconds=0.5, max_seconds=0.9))) == 1
    assert len(list(audio_examples(path, start_seconds=0.5, end_seconds=3.9, max_seconds=1.0))) == 1
    assert sound_outcome(path, end_seconds=0.5) == "padded"
    assert sound_outcome(path, start_seconds=9.0) == "absent"
    assert list(audio_examples(path, start_seconds=9.0)) == []


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
    assert sound_outcome(tmp_path / "v.mp4") == "absent"
    assert list(audio_examples(tmp_path / "v.mp4")) == []


def test_a_track_that_cannot_be_decoded_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mp3", rate=44100)
        for _ in range(20):
            noise = np.random.default_rng(0).normal(0, 0.1, (1, 1152)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
            frame.sample_rate = 44100
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert sound_outcome(path) == "padded"
    data = path.read_bytes()
    start, stop = data.index(b"movi") + 4, data.index(b"idx1")
    body = bytearray(data[start:stop])
    position = 0
    while position + 8 <= len(body):  # keep the chunk headers, destroy what they hold
        size = int.from_bytes(body[position + 4 : position + 8], "little")
        body[position + 8 : position + 8 + size] = bytes(size)
        position += 8 + size + size % 2
    path.write_bytes(data[:start] + bytes(body) + data[stop:])
    assert sound_outcome(path) == "corrupt"
    assert list(audio_examples(path)) == []


def test_a_file_that_is_no_media_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("not a video")
    for read in (sound_outcome, lambda path: list(audio_examples(path))):
        with pytest.raises(MediaError):
            read(tmp_path / "a.mp4")


def test_long_silence_is_held_back_as_a_count() -> None:
    held = 0

    def blocks() -> object:
        nonlocal held
        for _ in range(1000):
            held += 160_000
            yield np.full(160_000, 1e-5, np.float32)
        yield np.ones(10, np.float32)

    passed = unless_silent(blocks())  # type: ignore[arg-type]
    first = next(passed)
    assert held == 160_000_000  # all of the silence was seen before the first block came out
    assert not first.any()
    assert len(first) < 100_000
    sizes = [(len(block), bool(block.any())) for block in passed]
    assert sum(size for size, _ in sizes) + len(first) == held + 10
    assert sizes[-1] == (10, True)


def test_real_clips(ucf_clips: Path, hockey_clips: Path) -> None:
    """Three of the six classes carry sound; the hockey clips have a track in which nothing is to be heard."""

    def outcomes(folder: Path, count: int) -> set[str]:
        files = sorted(path for path in folder.rglob("*") if path.suffix in {".avi", ".mp4"})
        assert files
        return {sound_outcome(path) for path in files[:count]}

    videos = ucf_clips / "videos"
    assert outcomes(videos / "Surfing", 10) == {"ok"}
    assert outcomes(hockey_clips / "train", 10) == {"silent"}
    without = [f for f in videos.iterdir() if f.name not in {"Archery", "BasketballDunk", "Surfing"}]
    assert {o for folder in without for o in outcomes(folder, 3)} == {"absent"}
