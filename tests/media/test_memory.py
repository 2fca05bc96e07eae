"""Memory does not grow with length. Peaks are taken from processes of their own."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

READ_FRAMES = """
from kinema.media.reader import VideoReader
with VideoReader(sys.argv[1]) as reader:
    count = sum(1 for _ in reader.read(lambda index, seconds: index % 10 == 0))
    assert count * 10 == len(reader.timestamps()), count
"""
READ_SOUND = """
from kinema.media.audio import AudioReader
with AudioReader(sys.argv[1]) as reader:
    count = sum(len(block) for block in reader.blocks())
assert abs(count - 16000 * int(sys.argv[2])) < 16000, count
"""
PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak_megabytes(code: str, *arguments: object) -> float:
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is taken from /proc")
    command = [sys.executable, "-c", "import sys\n" + code + PEAK, *map(str, arguments)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024


def test_a_long_video(tmp_path: Path, make_video) -> None:
    """3000 frames would be 230 MB."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (120, 214, 3)).astype(np.uint8)
    options = {"preset": "ultrafast", "crf": "40"}
    peaks = []
    for length in (100, 3000):
        frames = [np.roll(picture, i, axis=1) for i in range(10)] * (length // 10)
        path = make_video(tmp_path / f"{length}.mp4", frames, options=options)
        peaks.append(peak_megabytes(READ_FRAMES, path))
    assert peaks[1] - peaks[0] < 25


def sparse_wav(path: Path, seconds: int) -> Path:
    """8 kHz mono 16-bit zeros that take no room on the disk."""
    size = seconds * 16000
    header = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt "
    header += struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data" + struct.pack("<I", size)
    path.write_bytes(header)
    os.truncate(path, len(header) + size)
    return path


@pytest.mark.parametrize("seconds", [1200, pytest.param(24 * 3600, marks=pytest.mark.slow)])
def test_a_long_sound_track(tmp_path: Path, seconds: int) -> None:
    """Twenty minutes would be 77 MB, a day 5.5 GB."""
    short = peak_megabytes(READ_SOUND, sparse_wav(tmp_path / "short.wav", 30), 30)
    long = peak_megabytes(READ_SOUND, sparse_wav(tmp_path / "long.wav", seconds), seconds)
    assert long - short < 25


def test_no_torch_is_imported() -> None:
    code = """
import kinema.media.audio, kinema.media.probe, kinema.media.reader, kinema.media.writer
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", "import sys\n" + code], check=True)
