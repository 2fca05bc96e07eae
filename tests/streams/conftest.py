"""Videos that several tests of streams share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from support.streams import write_frames


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A video of so many frames, made once: noise that moves three pixels a frame."""
    folder = tmp_path_factory.mktemp("videos")

    def make(frames: int) -> Path:
        path = folder / f"{frames}.mp4"
        if not path.exists():
            picture = np.random.default_rng(frames).integers(0, 255, (48, 64, 3)).astype(np.uint8)
            write_frames(path, [np.roll(picture, 3 * shift, axis=1) for shift in range(frames)])
        return path

    return make
