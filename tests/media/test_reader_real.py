"""Real clips, against OpenCV reading the same file in order."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from kinema.media.audio import AudioReader
from kinema.media.probe import is_silent, probe
from kinema.media.reader import VideoReader
from support.whole_sound import sound_of

# Three with packed B-frames, whose stamps are out of order, and two without.
UCF_CLIPS = [
    "Archery/v_Archery_g03_c01.avi",
    "Archery/v_Archery_g13_c07.avi",
    "Surfing/v_Surfing_g10_c06.avi",
    "Archery/v_Archery_g01_c01.avi",
    "PlayingPiano/v_PlayingPiano_g02_c03.avi",
]


def opencv_frames(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        there, frame = capture.read()
        if not there:
            return frames
        frames.append(frame[..., ::-1])


def compare(path: Path) -> VideoReader:
    expected = opencv_frames(path)
    with VideoReader(path) as reader:
        count = 0
        for frame, reference in zip(reader.read(), expected, strict=True):
            assert np.abs(frame.data.astype(int) - reference).max() <= 2
            assert frame.pts_seconds == pytest.approx(frame.index / reader.info.average_fps, abs=1e-6)
            count += 1
        assert reader.damage is None
    assert count == len(expected) > 0
    return reader


@pytest.mark.parametrize("name", UCF_CLIPS)
def test_ucf101(ucf_clips: Path, name: str) -> None:
    reader = compare(ucf_clips / "videos" / name)
    assert (reader.info.width, reader.info.height) == (320, 240)


@pytest.mark.parametrize("name", ["fight/fi0.avi", "no_fight/no1.avi"])
def test_hockey(hockey_clips: Path, name: str) -> None:
    """The sound tracks of these clips are digital silence, and one packet of each is broken."""
    path = hockey_clips / "test" / name
    reader = compare(path)
    assert reader.info.has_audio
    assert is_silent(path)
    with AudioReader(path) as sound:
        seconds = sum(len(block) for block in sound.blocks()) / 16000
        assert sound.skipped_packets == 1
    assert seconds == pytest.approx(reader.info.duration_seconds, abs=0.1)


def test_sound_of_a_real_clip(ucf_clips: Path) -> None:
    path = ucf_clips / "videos" / UCF_CLIPS[0]
    samples = np.concatenate(list(sound_of(path)))
    with VideoReader(path) as reader:
        assert len(samples) / 16000 == pytest.approx(reader.info.duration_seconds, abs=0.1)
    assert 0.01 < np.abs(samples).max() <= 1.0
    assert not is_silent(path)


@pytest.mark.parametrize("name", UCF_CLIPS)
def test_probe_agrees_with_opencv(ucf_clips: Path, name: str) -> None:
    facts = probe(ucf_clips / "videos" / name)
    assert facts.num_frames == len(opencv_frames(ucf_clips / "videos" / name))
    assert facts.damage is None


def test_gray_of_a_real_clip(ucf_clips: Path) -> None:
    path = ucf_clips / "videos" / UCF_CLIPS[0]
    with VideoReader(path, frames=(0, 10)) as reader:
        luma = [f.data for f in reader.read(pixel_format="gray8")]
    for mine, reference in zip(luma, opencv_frames(path), strict=False):
        gray = cv2.cvtColor(np.ascontiguousarray(reference), cv2.COLOR_RGB2GRAY)
        assert np.abs(gray.astype(int) - mine).mean() < 2
