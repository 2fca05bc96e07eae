"""Small videos, good and broken, and an rgb stream without a network behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kinema.media.writer import VideoWriter
from kinema.streams import RgbStream


def _make_clip(path: Path, frames: int = 12, *, seed: int = 0, size: tuple[int, int] = (48, 64)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.random.default_rng(seed).integers(0, 255, (*size, 3)).astype(np.uint8)
    with VideoWriter(path, fps=12, width=size[1], height=size[0], preset="ultrafast") as writer:
        for shift in range(frames):
            writer.write(np.roll(picture, 3 * shift, axis=1))
    return path


@pytest.fixture
def make_clip() -> Callable[..., Path]:
    return _make_clip


@pytest.fixture
def every_frame() -> RgbStream:
    """Every frame, stretched to 224 x 224."""
    sampling = {"kind": "jump", "every": 1}
    return RgbStream(input="rgb", backbone="mobilenet_v2", crop="stretch", sampling=sampling)  # type: ignore[arg-type]
