"""Annotated videos, read back: as many frames, the strip where an answer holds, the rest as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinema.errors import UsageError
from kinema.inference.annotate import write_annotated
from kinema.media.reader import VideoReader
from kinema.media.writer import VideoWriter
from kinema.types import Prediction

GREEN = (0, 200, 0)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    with VideoWriter(tmp_path / "green.mp4", fps=10, width=320, height=240) as writer:
        for _ in range(30):
            writer.write(np.full((240, 320, 3), GREEN, np.uint8))
    return tmp_path / "green.mp4"


def frames(path: Path) -> np.ndarray:
    with VideoReader(path) as reader:
        return np.stack([frame.data for frame in reader.read()]).astype(int)


def answer(score: float, *times: float) -> Prediction:
    return Prediction(Path("x"), ("wave", "other"), np.array([score, 0.0], np.float32), *times)


def blue(picture: np.ndarray) -> float:
    """How much of the lowest rows is the bar."""
    row = picture[-3]
    return float(np.mean((row[:, 2] > 150) & (row[:, 0] < 130)))


def test_the_bar_is_as_long_as_the_score(video: Path, tmp_path: Path):
    for score in (0.25, 0.75):
        assert write_annotated(video, tmp_path / "out.mp4", [answer(score)]) == 30
        found = frames(tmp_path / "out.mp4")
        assert found.shape == (30, 240, 320, 3)
        assert blue(found[7]) == pytest.approx(score, abs=0.03)
        assert np.abs(found[:, :180] - GREEN).max() < 12, "the upper part stays"


def test_each_segment_has_its_time(video: Path, tmp_path: Path):
    write_annotated(video, tmp_path / "out.mp4", [answer(0.9, 0.0, 1.0), answer(0.3, 2.0, 3.0)])
    found = frames(tmp_path / "out.mp4")
    bars = [blue(picture) for picture in found]
    assert bars[:10] == pytest.approx([0.9] * 10, abs=0.03)
    assert bars[10:20] == [0] * 10, "nothing in the gap"
    assert bars[20:] == pytest.approx([0.3] * 10, abs=0.03)


def test_the_words_differ(video: Path, tmp_path: Path):
    """What is written on the strip: the label, or unknown below the least score."""
    strips = []
    for least in (0.0, 0.95):
        write_annotated(video, tmp_path / "out.mp4", [answer(0.9)], min_score=least)
        strips.append(frames(tmp_path / "out.mp4")[0, 205:230])
    wide = [np.flatnonzero((strip.min(axis=2) > 150).any(axis=0)).max() for strip in strips]
    assert wide[1] > 1.2 * wide[0] > 0, "unknown is longer than wave"


def test_a_variable_rate_keeps_its_times():
    """A frame that is held for a second is written ten times at ten a second."""
    from kinema.inference.annotate import steady
    from kinema.types import Frame

    pictures = [np.full((2, 2, 3), i, np.uint8) for i in range(3)]
    given = [Frame(0, 0.0, pictures[0]), Frame(1, 0.1, pictures[1]), Frame(2, 1.1, pictures[2])]
    assert [int(p[0, 0, 0]) for _, p in steady(given, 10)] == [0] + [1] * 10 + [2]


def test_another_ending_is_refused(video: Path, tmp_path: Path):
    with pytest.raises(UsageError, match=r"one of \.mp4"):
        write_annotated(video, tmp_path / "out.txt", [answer(0.5)])
