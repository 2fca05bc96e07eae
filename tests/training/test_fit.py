"""The temporal stage on stored features: what standardising them is for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.features.sequence_file import SequenceWriter
from kinema.model.build import build_recognizer
from kinema.model.items import FeatureItem
from kinema.recipe import load_recipe
from kinema.training.fit import fit
from kinema.training.stage import FitOptions

DIM = 64


def constants_with_a_signal(folder: Path, count: int) -> tuple[list[FeatureItem], np.ndarray]:
    """Features like a random network's: large constants, and a class that shifts them by a little."""
    random = np.random.default_rng(0)
    constants, shift = random.uniform(0, 60, DIM), random.normal(size=DIM)
    items, steps = [], []
    for i in range(count):
        data = constants + (shift if i % 2 else -shift) + random.normal(size=(2, DIM))
        writer = SequenceWriter(folder / f"{i}.safetensors", DIM)
        writer.append(data.astype(np.float32), [0.0, 1.0])
        writer.commit()
        items.append(FeatureItem({"x": folder / f"{i}.safetensors"}, i % 2))
        steps.append(data.astype(np.float32))
    return items, np.concatenate(steps)


@pytest.mark.parametrize("standardize", [True, False])
def test_a_signal_behind_large_constants(tmp_path: Path, standardize: bool) -> None:
    items, steps = constants_with_a_signal(tmp_path, 32)
    stream = {"input": "rgb", "sampling": {"kind": "uniform", "frames": 2}, "backbone": "mobilenet_v2"}
    recipe = load_recipe(
        {
            "name": "signal",
            "data": {"classes": 2},
            "streams": {"x": {**stream, "standardize": standardize}},
            "temporal": {"units": 16},
            "training": {"epochs": 12, "batch": 8, "lr": 0.01},
        }
    )
    torch.manual_seed(0)
    model = build_recognizer(recipe, {"x": DIM}, 2)
    history = fit(model, items, [], FitOptions(tmp_path / "checkpoints", device="cpu"))
    learned = history[-1]["train_accuracy"] == 1.0
    assert learned == standardize
    assert {row["stage"] for row in history} == {"temporal"}
    if standardize:
        layer = model.streams["x"].standardize
        np.testing.assert_allclose(layer.mean.numpy(), steps.astype(np.float64).mean(0), rtol=1e-5)
        np.testing.assert_allclose(layer.std.numpy(), steps.astype(np.float64).std(0), rtol=1e-4)
    else:
        assert model.streams["x"].standardize is None
