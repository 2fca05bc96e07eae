"""What `predict` computes is what training stored, bit for bit: every recipe, any order, file or frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinema.extraction.loaded import load_streams
from kinema.media.reader import VideoReader
from kinema.media.video import GivenFrames, VideoFile
from kinema.recipe import Recipe, changed, load_recipe, recipe_names, resolve
from kinema.resources import Resources
from kinema.types import FeatureSequence, VideoRecord
from kinema.workflows.context import Context
from kinema.workflows.extract import extract_streams
from support import probes
from support.lossless import SAMPLE_RATE, write_lossless

# Budgets that every video exceeds, as a long one would.
BUDGETS: dict[str, list[str]] = {
    "corehar": [],
    "dual-cnn-gru": ["streams.rgb.sampling.frames=12"],
    "i3d-gru": [],
    "lite": ["streams.rgb.sampling.fps=1"],
    "lite-plus": ["streams.rgb.sampling.fps=1"],
    "strong": [],
    "lite-motion": ["streams.rgb.sampling.fps=1"],
    "three-stream": [
        "streams.rgb.sampling.frames=8",
        "streams.rgb.sampling.motion=tvl1",
        "streams.flow.method=tvl1",
        "streams.flow.sampling.motion=tvl1",
        "streams.flow.sampling.frames=4",
    ],
    "timeline": ["streams.rgb.sampling.fps=1"],
    "timeline-both": ["streams.rgb.sampling.fps=1"],
    "tiny": [],
    "tiny-timeline": [],
    "vgg16-lstm": ["streams.rgb.features=null", "streams.rgb.sampling.frames=12"],
}
# Backbones that are tried as they are; the others are probes that take what they take.
REAL = ("lite", "tiny", "tiny-timeline")
# Where TV-L1 or a real backbone makes frames dear: 21 are two segments, 13 exceed a budget of eight.
LENGTHS = {"i3d-gru": "short", "lite": "short", "strong": "short", "three-stream": "shorter"}
FPS = 1


def test_every_recipe_is_here():
    assert sorted(BUDGETS) == recipe_names()


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Forty seconds, of a frame each, and twenty-one and thirteen of them, with sound."""
    folder = tmp_path_factory.mktemp("videos")
    random = np.random.default_rng(0)
    picture = np.repeat(np.repeat(random.integers(0, 255, (12, 16, 3)), 4, axis=0), 4, axis=1).astype(
        np.uint8
    )
    frames = [np.roll(picture, i * (i // 10), axis=1) for i in range(40)]
    sound = (random.normal(size=40 * SAMPLE_RATE) * 2000).astype(np.int16)
    return {
        "long": write_lossless(folder / "long.mkv", frames, FPS, sound),
        "short": write_lossless(folder / "short.mkv", frames[19:40], FPS, sound),
        "shorter": write_lossless(folder / "shorter.mkv", frames[19:32], FPS, sound),
    }


def cheap(name: str) -> Recipe:
    recipe = load_recipe(name, BUDGETS[name])
    if name in REAL:
        return recipe
    backbones = {n: [probes.cheap_backbone(b) for b in s.backbones] for n, s in recipe.streams.items()}
    return changed(recipe, {f"streams.{n}.backbone": found for n, found in backbones.items()})


@pytest.mark.parametrize("name", recipe_names())
def test_predictions_path_equals_the_store(
    name: str, videos: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    probes.register(monkeypatch)
    path = videos[LENGTHS.get(name, "long")]
    resources = Resources(weights="none", device="cpu", workers=1)
    recipe = resolve(cheap(name), (), resources)
    streams = load_streams(recipe.streams, resources)
    record = VideoRecord(path)
    stored: dict[str, list[FeatureSequence]] = {name: [] for name in streams}
    for number, order in enumerate(dict.fromkeys((tuple(streams), tuple(reversed(streams))))):
        context = Context(Resources(weights="none", features=tmp_path / str(number)))
        for stream in order:
            extracted = extract_streams([record], {stream: streams[stream]}, context)
            stored[stream].append(extracted.sequence(record, stream))
    with VideoReader(path) as reader:
        frames = list(reader.read())
    given = GivenFrames(frames, sound=(SAMPLE_RATE, list(VideoFile(path).sound(SAMPLE_RATE))))
    for stream, found in stored.items():
        for video in (VideoFile(path), given):
            computed = streams[stream].features(video)
            assert len(computed)
            for sequence in found:
                np.testing.assert_array_equal(computed.data, sequence.data)
                np.testing.assert_array_equal(computed.pts_seconds, sequence.pts_seconds)
