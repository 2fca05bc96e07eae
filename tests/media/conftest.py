"""Videos with known contents, made without any code of the project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

BITS = 8


def _numbered(index: int, width: int = 96, height: int = 64) -> np.ndarray:
    """A frame that shows its own number in binary, as BITS dark or light bars above a colour ramp."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[..., 0] = np.linspace(40, 200, width).astype(np.uint8)
    frame[..., 2] = np.linspace(200, 60, height).astype(np.uint8)[:, None]
    for bit in range(BITS):
        left, right = width * bit // BITS, width * (bit + 1) // BITS
        frame[: height // 2, left:right] = 220 if index >> bit & 1 else 30
    return frame


def _number_of(frame: np.ndarray) -> int:
    """The number that a frame shows, whatever compression did to it."""
    height, width = frame.shape[:2]
    centres = [(width * bit // BITS + width * (bit + 1) // BITS) // 2 for bit in range(BITS)]
    return sum(int(frame[height // 4, x].mean() > 125) << bit for bit, x in enumerate(centres))


def _make_video(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    fps: int | Fraction = 25,
    stamps_ms: Sequence[int] | None = None,
    container: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    with av.open(f"file:{path}", "w", format=container) as output:
        stream = output.add_stream(codec, rate=fps, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        if stamps_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if stamps_ms is not None:
                frame.pts, frame.time_base = stamps_ms[index], Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


@pytest.fixture
def numbered() -> Callable[..., np.ndarray]:
    return _numbered


@pytest.fixture
def number_of() -> Callable[[np.ndarray], int]:
    return _number_of


@pytest.fixture
def make_video() -> Callable[..., Path]:
    return _make_video


@pytest.fixture
def twenty(tmp_path: Path) -> Path:
    """Frames 0 to 19 at 25 frames per second, H.264 in mp4."""
    return _make_video(tmp_path / "twenty.mp4", [_numbered(i) for i in range(20)])
