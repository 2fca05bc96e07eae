from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from kinema.errors import UsageError, WorkError
from kinema.media.reader import VideoReader
from kinema.media.writer import VideoWriter
from support.whole_sound import sound_of


def write(path: Path, frames: list[np.ndarray], sound: np.ndarray | None = None, **how) -> Path:
    height, width = frames[0].shape[:2]
    rate = None if sound is None else 16000
    with VideoWriter(
        path, fps=how.pop("fps", 25), width=width, height=height, sample_rate=rate, **how
    ) as out:
        for frame in frames:
            out.write(frame)
        for start in range(0, 0 if sound is None else len(sound), 5000):
            out.write_audio(sound[start : start + 5000])
    return path


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_opencv_reads_the_frames_back(tmp_path: Path, numbered, number_of, codec: str) -> None:
    path = write(tmp_path / "v.mp4", [numbered(i) for i in range(30)], codec=codec)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    for index in range(30):
        there, frame = capture.read()
        assert there
        assert number_of(frame) == index
        assert np.abs(frame[..., ::-1].astype(int) - numbered(index)).mean() < 8
    assert not capture.read()[0]


def test_ordinary_h264(tmp_path: Path, numbered) -> None:
    with VideoReader(write(tmp_path / "v.mp4", [numbered(0)] * 3, fps=29.97)) as reader:
        assert (reader.info.codec, reader.info.pixel_format) == ("h264", "yuv420p")
        assert reader.info.average_fps == pytest.approx(29.97)
        np.testing.assert_allclose(reader.timestamps(), np.arange(3) / 29.97, atol=1e-6)


def test_odd_sizes_repeat_the_last_row_and_column(tmp_path: Path, numbered) -> None:
    source = numbered(5, 97, 65)
    with VideoReader(write(tmp_path / "v.mp4", [source], crf=1)) as reader:
        frame = next(reader.read()).data
    assert frame.shape == (66, 98, 3)
    assert np.abs(frame[:65, :97].astype(int) - source).mean() < 3
    assert np.abs(frame[65].astype(int) - frame[64]).mean() < 6


def test_sound_keeps_its_place(tmp_path: Path, numbered) -> None:
    sound = np.zeros(32000, np.float32)
    sound[16000:17600] = 0.5 * np.sin(2 * np.pi * 440 * np.arange(1600) / 16000)
    path = write(tmp_path / "v.mp4", [numbered(0)] * 50, sound)
    with VideoReader(path) as reader:
        assert reader.info.has_audio
    back = np.concatenate(list(sound_of(path)))
    assert len(back) == pytest.approx(32000, abs=1024)
    shift = np.argmax(np.correlate(back, sound[15000:19000], "valid")) - 15000
    assert abs(shift) <= 32  # 2 ms
    assert np.abs(back[16000:17600]).max() == pytest.approx(0.5, abs=0.1)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, numbered) -> None:
    frames = [numbered(i) for i in range(20)]
    sound = np.random.default_rng(0).normal(0, 0.1, 12800).astype(np.float32)
    first, second = write(tmp_path / "a.mp4", frames, sound), write(tmp_path / "b.mp4", frames, sound)
    assert first.read_bytes() == second.read_bytes()


def test_nothing_is_seen_until_it_is_whole(tmp_path: Path, numbered) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"old")
    with VideoWriter(path, fps=25, width=96, height=64) as writer:
        writer.write(numbered(0))
        assert path.read_bytes() == b"old"
    assert path.stat().st_size > 100
    assert os.listdir(tmp_path) == ["v.mp4"]


def test_an_error_leaves_the_old_file_and_no_other(tmp_path: Path, numbered) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"old")
    with (
        suppress(RuntimeError),
        VideoWriter(path, fps=25, width=96, height=64, sample_rate=16000) as writer,
    ):
        writer.write(numbered(0))
        raise RuntimeError("stop")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["v.mp4"]


def test_no_frame_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(WorkError, match="no frame"),
        VideoWriter(tmp_path / "v.mp4", fps=25, width=96, height=64),
    ):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("v.mp4", {"codec": "no_such_codec"}),
        ("v.mp4", {"codec": "aac"}),
        ("v.mp4", {"preset": "no_such_preset"}),
        ("v.strange", {}),
        ("v.mp4", {"sample_rate": 12345}),
    ],
)
def test_refused_settings(tmp_path: Path, name: str, how: dict) -> None:
    with pytest.raises(UsageError) as caught:
        VideoWriter(tmp_path / name, fps=25, width=96, height=64, **how)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_absent(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="cannot be written"):
        VideoWriter(tmp_path / "absent" / "v.mp4", fps=25, width=96, height=64)


def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk that has no room."""
    code = """
import resource, signal, sys
import numpy as np
from kinema.errors import WorkError
from kinema.media.writer import VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8)
try:
    with VideoWriter(sys.argv[1], fps=25, width=96, height=64) as writer:
        for _ in range(200):
            writer.write(np.roll(noise, _, 0))
except WorkError as error:
    print(error)
"""
    pytest.importorskip("resource")
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "v.mp4")], capture_output=True, text=True, check=True
    )
    assert "cannot be written" in run.stdout
    assert os.listdir(tmp_path) == []


def test_wrong_frames_are_refused(tmp_path: Path, numbered) -> None:
    with VideoWriter(tmp_path / "v.mp4", fps=25, width=96, height=64) as writer:
        writer.write(numbered(0))
        with pytest.raises(ValueError, match="frame must be"):
            writer.write(numbered(0, 64, 64))
        with pytest.raises(ValueError, match="frame must be"):
            writer.write(numbered(0).astype(np.float32))
        with pytest.raises(ValueError, match="without sound"):
            writer.write_audio(np.zeros(10, np.float32))
