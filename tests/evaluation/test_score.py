"""Scores of stored features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from kinema.evaluation.score import step_labels
from kinema.features.sequence_file import SequenceWriter
from kinema.model.build import build_recognizer
from kinema.model.items import FeatureItem
from kinema.recipe import load_recipe


def test_the_best_class_of_every_step_by_hand(tmp_path: Path) -> None:
    raw = {
        "name": "r",
        "streams": {
            "rgb": {"input": "rgb", "sampling": {"kind": "jump", "every": 2}, "backbone": "mobilenet_v2"}
        },
        "temporal": {"units": 5, "pool": "none"},
        "classifier": {"per_step": True, "vote": "majority"},
    }
    torch.manual_seed(0)
    model = build_recognizer(load_recipe(raw), {"rgb": 4}, 3)
    data = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    writer = SequenceWriter(tmp_path / "x.safetensors", 4)
    writer.append(data, [float(i) for i in range(7)])
    writer.commit()
    with torch.no_grad():
        steps = model.streams["rgb"](torch.from_numpy(data)[None], torch.tensor([7]))[0]
        expected = [int(model.head(step).argmax()) for step in steps]
    assert step_labels(model, FeatureItem({"rgb": tmp_path / "x.safetensors"}, 0)) == expected
