"""Backbones as ONNX, at another batch size than they were traced with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinema.backbones.load import load_backbone
from kinema.backbones.random_init import synthetic_batch
from kinema.portable.formats import write_part
from kinema.portable.parts import backbone_part

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


@pytest.mark.parametrize(
    "name", ["small_flow_cnn", "mobilenet_v2", "timm/mobilenetv4_conv_small.e2400_r224_in1k"]
)
def test_onnx_gives_the_features(name: str, tmp_path: Path) -> None:
    loaded = load_backbone(name, weights="none")
    write_part(backbone_part("b", loaded.module, loaded.spec.input), tmp_path, "onnx", {})
    batch = synthetic_batch(loaded.spec.input, seed=5)[[2, 0, 1, 2, 3]]
    session = onnxruntime.InferenceSession(str(tmp_path / "b.onnx"))
    (found,) = session.run(None, {"input": batch.numpy()})
    expected = loaded.module(batch).numpy()
    assert np.linalg.norm(found - expected) < 1e-4 * np.linalg.norm(expected)
