"""The small CNN on flow: a shaking camera does not matter, the direction of motion does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kinema.backbones.load import load_backbone
from kinema.backbones.small_flow_cnn import SPEC, build
from kinema.errors import UsageError


@pytest.fixture
def stacks() -> torch.Tensor:
    fields = np.random.default_rng(0).normal(scale=0.05, size=(3, 40, 48, 8))
    return torch.from_numpy(fields.astype(np.float32))


def test_what_moves_the_whole_picture_is_taken_out(stacks: torch.Tensor) -> None:
    net = build(stack=4).eval()
    shaking = torch.linspace(-0.2, 0.2, 8)
    with torch.no_grad():
        torch.testing.assert_close(net(stacks + shaking), net(stacks), atol=1e-5, rtol=1e-5)
        assert not torch.allclose(net(-stacks), net(stacks), atol=1e-3)


def test_values_reach_the_first_layer_in_pixels(stacks: torch.Tensor) -> None:
    seen = build(stack=4).eval().seen(stacks)
    fields = stacks.numpy().astype(np.float64)
    for channel in range(8):
        one = fields[1, :, :, channel] * 20
        np.testing.assert_allclose(seen[1, channel].numpy(), one - one.mean(), atol=1e-5)


def test_in_training_everything_moves_slower_or_faster_together(stacks: torch.Tensor) -> None:
    net = build(stack=4)
    net.unfreeze(4, "train")
    still = net.eval().seen(stacks)
    gains = {round(float((net.train().seen(stacks) / still).median()), 4) for _ in range(6)}
    assert len(gains) > 1
    assert all(0.6 <= gain <= 1.4 for gain in gains)
    moved = net.seen(stacks)
    gain = (moved / still).median()
    torch.testing.assert_close(moved, gain * still, atol=1e-4, rtol=1e-4)


def test_table_row(stacks: torch.Tensor) -> None:
    loaded = load_backbone("small_flow_cnn", weights="none", stack=4)
    with torch.no_grad():
        found = loaded.module(stacks)
    assert found.shape == (3, SPEC.features["grid"])
    assert found.dtype == torch.float32
    assert len(loaded.module.blocks()) == 4


@pytest.mark.parametrize("name", ["small_flow_cnn", "motion_cnn"])
def test_another_number_of_fields(name: str, stacks: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="takes stacks of 10 fields, got 4; set the stream's stack to 10"):
        load_backbone(name, weights="none").module(stacks)
