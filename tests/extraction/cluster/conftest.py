"""Short videos for a cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.ray_clips import write_clip


@pytest.fixture(scope="session")
def clips_of() -> Callable[[Path, int], Path]:
    """Makes a folder of two classes with so many clips of some seconds, and a file that is no video."""

    def make(root: Path, count: int) -> Path:
        for number in range(count):
            write_clip(root / ("left", "right")[number % 2] / f"clip {number}.mp4", 20 + number % 7, number)
        (root / "left" / "text.mp4").write_text("not a video\n")
        return root

    return make
