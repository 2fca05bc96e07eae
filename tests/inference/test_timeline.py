"""A ten-minute file of two-second actions: every recipe sees each window as it sees the action as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.extraction.loaded import load_streams
from kinema.inference.predictor import LoadedRun, SequencePredictor
from kinema.model.build import build_recognizer
from kinema.recipe import Recipe, changed, load_recipe, recipe_names, resolve
from kinema.resources import Resources
from kinema.run import RunConfig
from support import probes
from support.lossless import SAMPLE_RATE, write_lossless

FPS, SECONDS, ACTIONS = 5, 2, 300
CHECKED = (0, 1, 17, 18, 150, 298, 299)


def action(number: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Two seconds: a texture of its own that moves at a pace of its own, and a tone (every third is mute)."""
    random = np.random.default_rng(number)
    picture = np.repeat(np.repeat(random.integers(0, 255, (12, 16, 3)), 4, axis=0), 4, axis=1).astype(
        np.uint8
    )
    frames = [np.roll(picture, (1 + number % 4) * t, axis=number % 2) for t in range(FPS * SECONDS)]
    time = np.arange(SAMPLE_RATE * SECONDS) / SAMPLE_RATE
    loud = 0 if number % 3 == 2 else 8000
    return frames, (loud * np.sin(2 * np.pi * (200 + 7 * number) * time)).astype(np.int16)


@pytest.fixture(scope="module")
def ten_minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    parts = [action(number) for number in range(ACTIONS)]
    sound = np.concatenate([s for _, s in parts])
    return write_lossless(folder / "long.mkv", (f for frames, _ in parts for f in frames), FPS, sound)


def cheap(name: str) -> Recipe:
    """The recipe with probes for backbones; adaptive sampling by differences (flow has tests of its own)."""
    recipe = load_recipe(name)
    changes: dict[str, object] = {}
    for stream, spec in recipe.streams.items():
        probe = [probes.cheap_backbone(b) for b in spec.backbones]
        changes |= {f"streams.{stream}.backbone": probe, f"streams.{stream}.weights": "none"}
        changes |= {f"streams.{stream}.features": None, f"streams.{stream}.train_blocks": 0}
        if spec.input == "flow":
            changes[f"streams.{stream}.method"] = "tvl1"
        if getattr(getattr(spec, "sampling", None), "kind", "") == "adaptive":
            changes |= {f"streams.{stream}.sampling.motion": "difference"}
            changes |= {f"streams.{stream}.sampling.frames": 8}  # fewer than an action has frames
    return resolve(changed(recipe, changes), (), Resources())


def run_of(recipe: Recipe) -> LoadedRun:
    torch.manual_seed(0)
    streams = load_streams(recipe.streams, Resources(device="cpu"))
    labels = ("a", "b", "c")
    model = build_recognizer(recipe, {n: s.dim for n, s in streams.items()}, len(labels)).eval()
    config = RunConfig(recipe, labels, {})
    return LoadedRun(Path("run"), config, streams, SequencePredictor(labels, model))


@pytest.mark.parametrize("name", recipe_names())
def test_windows_have_the_features_of_the_same_stretches_as_files(name, ten_minutes, tmp_path, monkeypatch):
    probes.register(monkeypatch)
    run = run_of(cheap(name))
    found = list(run.windows(ten_minutes, SECONDS, SECONDS))
    assert [window for window, _ in found] == [(2.0 * i, 2.0 * i + 2) for i in range(ACTIONS)]
    for number in CHECKED:
        frames, sound = action(number)
        alone = run.features(write_lossless(tmp_path / f"{number}.mkv", frames, FPS, sound))
        for stream, sequence in found[number][1].items():
            np.testing.assert_array_equal(sequence.data, alone[stream].data, err_msg=f"{stream} {number}")
            np.testing.assert_allclose(sequence.pts_seconds, alone[stream].pts_seconds, atol=1e-6)
    distinct = {sequence.data.tobytes() for _, features in found for sequence in features.values()}
    assert len(distinct) > 0.6 * ACTIONS, "every window is a stretch of its own"
