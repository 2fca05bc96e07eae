"""Cheap backbones and one video with sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import probes
from support.live import write_moving


@pytest.fixture(autouse=True)
def cheap_backbones(monkeypatch: pytest.MonkeyPatch) -> None:
    """`probe_KIND` for every kind of input."""
    probes.register(monkeypatch)


@pytest.fixture(scope="session")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a moving texture at 25 frames a second, with a rising tone."""
    return write_moving(tmp_path_factory.mktemp("live") / "moving.mp4", sample_rate=16000)
