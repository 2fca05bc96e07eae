"""The audio stream: how much of the track it hears, and what it says of a file without sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinema.errors import UsageError
from kinema.media.writer import VideoWriter
from kinema.recipe import load_recipe
from kinema.types import Clip
from support.streams import clips_and_notes


def clips(path: Path, *overrides: str) -> tuple[list[Clip], tuple[str, ...]]:
    return clips_and_notes(load_recipe("three-stream", overrides).streams["audio"], path)


@pytest.fixture(scope="module")
def six_seconds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "noise.mp4"
    rng = np.random.default_rng(0)
    with VideoWriter(path, fps=5, width=32, height=32, sample_rate=16000) as writer:
        for _ in range(30):
            writer.write(np.zeros((32, 32, 3), np.uint8))
            writer.write_audio((rng.normal(size=3200) * 0.1).astype(np.float32))
    return path


def test_three_stream_hears_the_first_36_seconds() -> None:
    assert load_recipe("three-stream").streams["audio"].max_seconds == 36


@pytest.mark.parametrize(("limit", "count"), [("36", 6), ("3", 3), ("null", 6)])
def test_examples_lie_within_the_limit(six_seconds: Path, limit: str, count: int) -> None:
    found, notes = clips(six_seconds, f"streams.audio.max_seconds={limit}")
    assert [c.pts_seconds for c in found] == pytest.approx([0.96 * i for i in range(count)])
    assert notes == ()


def test_limit_is_part_of_the_fingerprint() -> None:
    short, long = (load_recipe("three-stream", [f"streams.audio.max_seconds={s}"]) for s in (3, 4))
    assert short.streams["audio"].settings() != long.streams["audio"].settings()


def test_no_sound_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "mute.mp4"
    with VideoWriter(path, fps=5, width=32, height=32) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8))
    assert clips(path) == ([], ("no sound",))


def test_limit_is_for_sound_only() -> None:
    with pytest.raises(UsageError, match=r"streams\.rgb"):
        load_recipe("three-stream", ["streams.rgb.max_seconds=3"])
