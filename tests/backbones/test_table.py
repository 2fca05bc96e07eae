"""The contract that every backbone in the table keeps, whoever adds it."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from kinema.backbones.load import load_backbone
from kinema.backbones.module import Backbone
from kinema.backbones.random_init import synthetic_batch
from kinema.backbones.spec import BackboneSpec, InputSpec
from kinema.backbones.table import BACKBONES, backbone_module, backbone_spec, feature_dim
from kinema.errors import UsageError

every_backbone = pytest.mark.parametrize("name", BACKBONES)
# Ten seconds each, most of them for random values.
LARGE = ("inception_resnet_v2", "motion_cnn", "resnet152", "vgg16")


@every_backbone
def test_specification_is_complete(name):
    spec = backbone_spec(name)
    assert isinstance(spec, BackboneSpec)
    assert spec.name == name
    assert spec.summary
    assert all(dim > 0 for dim in spec.features.values())
    for files in spec.weights.values():
        assert files
        for file in files:
            assert file.files
            assert file.licence
            assert file.url is None or file.url.startswith("https://")
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{8,64}", file.sha256)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in BACKBONES]
)
def test_random_features_are_finite_useful_and_of_the_stated_shape(name):
    loaded = load_backbone(name, weights="none")
    batch = synthetic_batch(loaded.spec.input, seed=5)[:2]
    kind = loaded.spec.input.dtype
    assert batch.dtype == getattr(torch, kind)
    with torch.inference_mode():
        output = loaded.module(batch)
    assert output.shape == (2, loaded.dim)
    assert output.dtype == torch.float32
    assert torch.isfinite(output).all()
    assert 1e-2 < output.std() < 1e2
    # Two inputs have two features: the network has not collapsed to a constant.
    assert (output[0] - output[1]).norm() > 0.1 * output[0].norm()


@every_backbone
def test_blocks_hold_every_parameter_once_and_modes_hold(name):
    module = backbone_module(name).build(None)
    assert isinstance(module, Backbone)
    in_blocks = [id(p) for block in module.blocks() for p in block.parameters()]
    assert sorted(in_blocks) == sorted(id(p) for p in module.parameters())
    module.train()
    assert not any(part.training for part in module.modules() if part is not module)


def test_table_and_specifications_import_no_torch():
    code = (
        "import sys; from kinema.backbones.table import BACKBONES, backbone_spec, feature_dim\n"
        "[feature_dim(name) for name in BACKBONES]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_papers_dimensions():
    assert feature_dim("vgg16") == feature_dim("vgg16", "flatten") == 25088
    assert feature_dim("vgg16", "pool") == 512
    assert feature_dim("googlenet") + feature_dim("inception_resnet_v2") == 2560
    assert feature_dim("resnet152") == 2048
    assert feature_dim("mobilenet_v2") == 1280


def test_unknown_names_are_refused_with_what_is_allowed():
    with pytest.raises(UsageError, match=r"unknown backbone 'vgg61'; did you mean 'vgg16'.*resnet152"):
        backbone_spec("vgg61")
    with pytest.raises(UsageError, match=r"no features 'last'; choose one of: flatten \(25088-d\), pool"):
        feature_dim("vgg16", "last")
    with pytest.raises(UsageError, match="no weights 'places'; choose one of: imagenet, imagenet_v2, none"):
        load_backbone("resnet152", weights="places")


def test_random_values_follow_the_seed():
    first, again, other = (load_backbone("mobilenet_v2", weights="none", seed=s) for s in (1, 1, 2))
    assert first.digest == again.digest != other.digest
    assert first.source == "random, seed 1"
    for a, b in zip(first.module.state_dict().values(), again.module.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert not any(p.requires_grad for p in first.module.parameters())


SHAPES = {
    "frame": (32, 24, 3),
    "clip": (5, 32, 24, 3),
    "flow_clip": (5, 32, 24, 2),
    "flow_stack": (32, 24, 10),
    "logmel": (96, 64),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_synthetic_batches_fit_their_kind(kind):
    spec = InputSpec(kind, size=(32, 24), length=5)
    batch = synthetic_batch(spec)
    assert batch.shape[1:] == SHAPES[kind]
    assert spec.dtype == ("uint8" if kind in ("frame", "clip") else "float32")
    assert str(batch.dtype) == f"torch.{spec.dtype}"
    low, high = float(batch.min()), float(batch.max())
    bounds = {"logmel": (np.log(0.01) - 1e-5, 3.0), "flow_clip": (-1, 1), "flow_stack": (-1, 1)}
    expected_low, expected_high = bounds.get(kind, (0, 255))
    assert expected_low <= low < high <= expected_high
    assert torch.equal(batch, synthetic_batch(spec))
