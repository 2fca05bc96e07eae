"""What every library's model is wrapped in: blocks, precision, and the refusal of what is not pooled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from kinema.backbones.libraries.nets import blocks_of, wrapped
from kinema.backbones.load import load_backbone
from kinema.backbones.runner import BackboneRunner
from kinema.backbones.spec import BackboneSpec, InputSpec, Preprocessing
from kinema.backbones.table import backbone_module
from kinema.errors import UsageError

HOW = Preprocessing(8, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("timm/test_vit.r160_in1k", 6),
        ("timm/mobilenetv4_conv_small.e2400_r224_in1k", 15),
        ("timm/vit_small_patch16_dinov3.lvd1689m", 12),
        ("torchvision/r3d_18", 8),
        ("torchvision/swin3d_t", 12),
        ("torchvision/mvit_v1_b", 16),
        ("torchvision/vit_b_16", 12),
        ("transformers/MCG-NJU/videomae-base", 12),
        ("transformers/facebook/vjepa2-vitl-fpc64-256", 24),
    ],
)
def test_blocks_hold_every_parameter_once(name, least):
    if name.startswith("transformers/"):
        pytest.importorskip("transformers", reason="pip install 'kinema[transformers]'")
    with torch.device("meta"):
        module = backbone_module(name).build()
    in_blocks = [id(p) for block in module.blocks() for p in block.parameters()]
    assert sorted(in_blocks) == sorted({id(p) for p in module.parameters()})
    assert len(module.blocks()) >= least
    trained = module.unfreeze(2)
    assert 0 < len(trained) < len(in_blocks)


def test_a_layer_that_is_used_twice_is_in_one_block():
    net = nn.Module()
    net.first = nn.Linear(2, 2)
    net.second = nn.Sequential(net.first, nn.Linear(2, 2))
    in_blocks = [id(p) for block in blocks_of(net) for p in block.parameters()]
    assert sorted(in_blocks) == sorted(id(p) for p in net.parameters())


@pytest.mark.parametrize("name", ["timm/test_vit.r160_in1k", "timm/test_resnet.r160_in1k"])
def test_half_the_precision_is_near(name):
    loaded = load_backbone(name, weights="none")
    frames = list(np.random.default_rng(0).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8))
    whole, half = (BackboneRunner(loaded, device="cpu", precision=p)(frames) for p in ("fp32", "bf16"))
    assert not np.array_equal(whole, half)
    assert np.linalg.norm(whole - half) < 0.05 * np.linalg.norm(whole)


@pytest.mark.parametrize("net", [nn.Conv2d(3, 3, 1), nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten())])
def test_what_is_not_pooled_is_refused(net):
    spec = BackboneSpec("timm/maps", InputSpec("frame", size=(8, 8), preprocessing=HOW), features={"pool": 3})
    with pytest.raises(
        UsageError, match=r"timm/maps gives no pooled features \[N, 3\] but \[2, .*choose another"
    ):
        wrapped(net, spec)(torch.zeros(2, 8, 8, 3, dtype=torch.uint8))
