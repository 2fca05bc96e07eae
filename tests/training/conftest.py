"""Clips of three classes for the stages that run a backbone."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinema.training.clips import ClipItem
from kinema.types import VideoRecord


@pytest.fixture(scope="session")
def clip_items(tiny_videos: Path) -> list[ClipItem]:
    """Two clips of each class, the classes in turn."""
    found = sorted(tiny_videos.parent.glob("*/*.mp4"))
    classes = sorted({f.parent.name for f in found})
    chosen = [
        (i, [f for f in found if f.parent.name == c][n]) for n in range(2) for i, c in enumerate(classes)
    ]
    return [
        ClipItem(VideoRecord(file, label=classes[i]), f"{number:032x}", i)
        for number, (i, file) in enumerate(chosen)
    ]
