"""A long file of two-second actions: every recipe sees each window as it sees the action as a file."""

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

FPS, SECONDS = 5, 2
# What the default suite takes, and ten minutes.
FEW, MANY = 40, 300


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


def write_actions(path: Path, count: int) -> Path:
    parts = [action(number) for number in range(count)]
    sound = np.concatenate([s for _, s in parts])
    return write_lossless(path, (f for frames, _ in parts for f in frames), FPS, sound)


@pytest.fixture(scope="module")
def few_actions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_actions(tmp_path_factory.mktemp("few") / "few.mkv", FEW)


@pytest.fixture(scope="module")
def many_actions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_actions(tmp_path_factory.mktemp("many") / "many.mkv", MANY)


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


def check(name: str, video: Path, actions: int, folder: Path) -> None:
    run = run_of(cheap(name))
    found = list(run.windows(video, SECONDS, SECONDS))
    assert [window for window, _ in found] == [(2.0 * i, 2.0 * i + 2) for i in range(actions)]
    for number in (0, 1, 17, 18, actions // 2, actions - 2, actions - 1):
        frames, sound = action(number)
        alone = run.features(write_lossless(folder / f"{number}.mkv", frames, FPS, sound))
        for stream, sequence in found[number][1].items():
            np.testing.assert_array_equal(sequence.data, alone[stream].data, err_msg=f"{stream} {number}")
            np.testing.assert_allclose(sequence.pts_seconds, alone[stream].pts_seconds, atol=1e-6)
    distinct = {sequence.data.tobytes() for _, features in found for sequence in features.values()}
    assert len(distinct) > 0.6 * actions, "every window is a stretch of its own"


@pytest.mark.parametrize("name", recipe_names())
def test_windows_have_the_features_of_the_same_stretches_as_files(name, few_actions, tmp_path, monkeypatch):
    probes.register(monkeypatch)
    check(name, few_actions, FEW, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_names())
def test_so_have_the_windows_of_ten_minutes(name, many_actions, tmp_path, monkeypatch):
    probes.register(monkeypatch)
    check(name, many_actions, MANY, tmp_path)
