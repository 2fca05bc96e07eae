"""The suppliers: a file, a part of it, decoded frames and a camera tell the same."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from kinema.errors import MediaError
from kinema.media.reader import VideoReader
from kinema.media.video import GivenFrames, Video, VideoFile
from kinema.media.writer import VideoWriter
from kinema.types import Frame, VideoRecord

PICTURE = np.zeros((4, 6, 3), np.uint8)


@pytest.fixture
def talking(tmp_path: Path, numbered) -> Path:
    """Two seconds at 10 frames a second, with noise of which every tenth of a second is louder."""
    noise = np.random.default_rng(0).uniform(-1, 1, 32000) * np.repeat(np.arange(1, 21) / 25, 1600)
    with VideoWriter(tmp_path / "talk.mkv", fps=10, width=96, height=64, sample_rate=16000) as writer:
        for index in range(20):
            writer.write(numbered(index))
            writer.write_audio(noise[1600 * index : 1600 * (index + 1)].astype(np.float32))
    return tmp_path / "talk.mkv"


def seen(video: Video) -> tuple[list[int], list[float], list[np.ndarray]]:
    frames = list(video.frames())
    return [f.index for f in frames], [f.pts_seconds for f in frames], [f.data for f in frames]


def pairs(video: Video, offset: float) -> Iterator[tuple[float, np.ndarray]]:
    return ((offset + f.pts_seconds, f.data) for f in video.frames())


def heard(video: Video, rate: int = 16000) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *video.sound(rate)])


GIVERS: dict[str, Callable[[VideoFile], GivenFrames]] = {
    "list of frames": lambda video: GivenFrames(list(video.frames())),
    "decoded frames": lambda video: GivenFrames(video.frames()),
    "list of pairs": lambda video: GivenFrames(list(pairs(video, 0.0))),
    "camera": lambda video: GivenFrames(pairs(video, 0.0)),
}


@pytest.mark.parametrize("giver", GIVERS)
def test_a_file_and_its_frames_are_the_same_video(talking: Path, giver: str) -> None:
    video = VideoFile(talking)
    given = GIVERS[giver](video)
    if "list" in giver:
        np.testing.assert_array_equal(given.times(), video.times())
    else:
        assert given.times() is None
    for expected, found in zip(seen(video), seen(given), strict=True):
        np.testing.assert_array_equal(found, expected)
    given.check()
    assert given.notes() == ()


def test_times_are_those_of_the_reader_and_decoded_once(talking: Path) -> None:
    video = VideoFile(talking)
    with VideoReader(talking) as reader:
        np.testing.assert_array_equal(video.times(), reader.timestamps())
    talking.unlink()
    assert len(video.times()) == 20


@pytest.mark.parametrize(
    ("part", "numbers"),
    [
        ({"start_seconds": 0.5, "end_seconds": 1.2}, range(5, 12)),
        ({"start_seconds": 1.5}, range(15, 20)),
        ({"frames": (5, 12)}, range(5, 12)),
        ({"frames": (15, 20)}, range(15, 20)),
    ],
)
def test_parts_have_the_sound_of_their_pictures(talking: Path, number_of, part, numbers) -> None:
    video = VideoFile.of(VideoRecord(talking, **part))
    indices, times, pictures = seen(video)
    assert [number_of(picture) for picture in pictures] == list(numbers)
    assert indices == list(range(len(numbers)))
    np.testing.assert_allclose(times, np.arange(len(numbers)) / 10, atol=2e-3)
    whole = heard(VideoFile(talking))
    expected = whole[numbers[0] * 1600 : None if numbers[-1] == 19 else (numbers[-1] + 1) * 1600]
    np.testing.assert_array_equal(heard(video), expected)


def test_a_part_given_as_decoded_frames_keeps_its_times(talking: Path) -> None:
    part = VideoFile(talking, start_seconds=0.45)
    assert seen(part)[1][0] == pytest.approx(0.05)
    np.testing.assert_array_equal(seen(GivenFrames(part.frames()))[1], seen(part)[1])
    assert seen(GivenFrames(pairs(part, 1.7e9)))[1][0] == 0.0


@pytest.mark.parametrize("video", [VideoFile, lambda path: GivenFrames(list(VideoFile(path).frames()))])
def test_only_wanted_frames_come_and_every_frame_is_asked_for(talking: Path, video) -> None:
    asked: list[tuple[int, float]] = []

    def wanted(index: int, seconds: float) -> bool:
        asked.append((index, seconds))
        return index % 7 == 3

    assert [f.index for f in video(talking).frames(wanted)] == [3, 10, 17]
    np.testing.assert_allclose(asked, [(i, i / 10) for i in range(20)], atol=1e-3)


def test_damage_is_told_as_soon_as_it_is_met(talking: Path) -> None:
    talking.write_bytes(talking.read_bytes()[: talking.stat().st_size * 3 // 10])
    video = VideoFile(talking)
    frames = video.frames()
    next(frames)
    video.check()
    assert sum(1 for _ in frames) > 3
    with pytest.raises(MediaError, match=r"talk\.mkv is damaged: .*; replace it"):
        video.check()


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("size", [1000, 10**6])
def test_given_sound_is_resampled_as_a_file_is(talking: Path, rate: int, size: int) -> None:
    samples = heard(VideoFile(talking), rate)
    blocks = [samples[start : start + size] for start in range(0, len(samples), size)]
    for sound in ((rate, samples), (rate, blocks), (rate, iter(blocks))):
        np.testing.assert_array_equal(heard(GivenFrames([], sound=sound), rate), samples)
    given = heard(GivenFrames([], sound=(rate, blocks)))
    assert len(given) == pytest.approx(32000, abs=1100)
    if rate == 16000:
        np.testing.assert_array_equal(given, samples)


def test_given_sound_at_another_rate_is_the_sound_of_a_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-9999, 9999, 100_000).astype("<i2")
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 44100, 0, "NONE", ""))
        file.writeframes(noise.tobytes())
    given = GivenFrames([], sound=(44100, noise / 32768))
    np.testing.assert_array_equal(heard(given), heard(VideoFile(tmp_path / "a.wav")))


def test_given_sound_is_clipped_and_finite_and_may_be_absent() -> None:
    wild = np.array([0.5, np.nan, np.inf, 3.0, -3.0])
    assert heard(GivenFrames([], sound=(16000, wild))).tolist() == [0.5, 0, 0, 1, -1]
    assert list(GivenFrames([(0.0, PICTURE)]).sound(16000)) == []
    assert list(GivenFrames([], sound=(16000, [np.zeros(0)])).sound(16000)) == []


def test_an_iterator_is_read_once(talking: Path) -> None:
    video = GivenFrames(iter([(0.0, PICTURE)]), sound=(16000, iter([np.ones(10)])), name="camera 1")
    list(video.frames())
    list(video.sound(16000))
    with pytest.raises(ValueError, match=r"^camera 1: an iterator can be read once only; give a list"):
        list(video.frames())
    with pytest.raises(ValueError, match=r"^sound of camera 1: an iterator"):
        list(video.sound(16000))


def test_a_camera_is_read_no_further_than_asked() -> None:
    camera = ((index / 25, PICTURE) for index in range(1000))
    for frame in GivenFrames(camera).frames():
        if frame.index == 4:
            break
    assert next(camera)[0] == 5 / 25


WRONG = {
    "float": ([(0.0, PICTURE.astype(np.float32))], r"frame 0 must be uint8 \[H, W, 3\], got float32"),
    "gray": ([(0.0, PICTURE[..., 0])], r"got uint8 \[4, 6\]"),
    "four channels": ([(0.0, np.zeros((4, 6, 4), np.uint8))], r"got uint8 \[4, 6, 4\]"),
    "empty": ([(0.0, PICTURE[:0])], r"got uint8 \[0, 6, 3\]"),
    "back in time": ([(1.0, PICTURE), (0.5, PICTURE)], r"at frame 1 0\.5 s comes after 1\.0 s"),
    "no time": ([Frame(0, float("nan"), PICTURE)], "nan s"),
    "no end": ([(0.0, PICTURE), (float("inf"), PICTURE)], "inf s"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_frames_of_another_form_are_refused(kind: str) -> None:
    frames, words = WRONG[kind]
    with pytest.raises(ValueError, match=words):
        list(GivenFrames(frames).frames())


def test_sound_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mono, float \[n\] in \[-1, 1\], got int16 \[9\]"):
        list(GivenFrames([], sound=(16000, np.zeros(9, np.int16))).sound(16000))
    with pytest.raises(ValueError, match=r"got float64 \[9, 2\]"):
        list(GivenFrames([], sound=(16000, np.zeros((9, 2)))).sound(16000))
    with pytest.raises(ValueError, match="1000 to 1000000 samples per second, got 30000000"):
        GivenFrames([], sound=(30_000_000, []))


def test_no_frame_at_all_is_an_error() -> None:
    with pytest.raises(MediaError, match="there is no frame; give at least one"):
        list(GivenFrames([]).frames())
