"""Releasing the last blocks for training; everything else stays frozen and in evaluation mode."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from kinema.backbones.image import ImageBackbone
from kinema.errors import UsageError


@pytest.fixture
def backbone() -> ImageBackbone:
    first = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    second = nn.Sequential(nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5), nn.Dropout(0.5))
    net = nn.Sequential(first, second, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return ImageBackbone(net, [first, second])


def frames(count: int = 4) -> torch.Tensor:
    return torch.randint(0, 256, (count, 12, 10, 3), dtype=torch.uint8, generator=torch.manual_seed(0))


def test_normalisation_by_hand():
    backbone = ImageBackbone(
        nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.Flatten()),
        [],
        mean=(0.5, 0.2, 0.1),
        std=(0.5, 0.1, 0.4),
    )
    backbone.net[0].weight.data = torch.eye(3)[:, :, None, None]
    frame = torch.tensor([[[[255, 51, 0]]]], dtype=torch.uint8)
    assert torch.allclose(backbone(frame), torch.tensor([[1.0, 0.0, -0.25]]), atol=1e-6)


def test_only_the_last_block_trains(backbone):
    parameters = backbone.unfreeze(1)
    before = copy.deepcopy(backbone.state_dict())
    backbone.train()
    optimiser = torch.optim.SGD(parameters, lr=0.1)
    backbone(frames()).square().sum().backward()
    optimiser.step()
    changed = {k for k, v in backbone.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"net.1.0.weight", "net.1.0.bias", "net.1.1.weight", "net.1.1.bias"}
    assert backbone.net[0][0].weight.grad is None


def test_batch_norm_statistics_move_only_when_asked(backbone):
    backbone.unfreeze(1, batch_norm="train")
    before = copy.deepcopy(backbone.state_dict())
    backbone.train()
    backbone(frames())
    changed = {k for k, v in backbone.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {f"net.1.1.{k}" for k in ("running_mean", "running_var", "num_batches_tracked")}
    backbone.eval()
    before = copy.deepcopy(backbone.state_dict())
    backbone(frames())
    assert all(torch.equal(v, before[k]) for k, v in backbone.state_dict().items())


def test_modes_of_released_and_frozen_parts(backbone):
    backbone.unfreeze(1)
    backbone.train()
    first, second = backbone.blocks()
    assert not first.training
    assert second[2].training  # dropout acts where training was asked for
    assert not second[1].training
    backbone.unfreeze(0)
    assert not any(p.requires_grad for p in backbone.parameters())
    assert not second[2].training


def test_asking_for_too_many_blocks_says_how_many_there_are(backbone):
    with pytest.raises(UsageError, match=r"train_blocks=3 .* set it to 0-2"):
        backbone.unfreeze(3)
