"""The motion CNN: geometry of the paper, other sizes and stacks, and that it learns."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from kinema.backbones.motion_cnn import SPEC, build
from kinema.backbones.motion_cnn_net import MotionCnn
from kinema.errors import UsageError


def test_layers_and_parameters_of_the_paper():
    net = build()
    by_hand = (
        (7 * 7 * 20 * 96 + 96)  # conv1
        + 2 * 96  # norm
        + (5 * 5 * 96 * 256 + 256)  # conv2
        + (3 * 3 * 256 * 512 + 512)  # conv3
        + 2 * (3 * 3 * 512 * 512 + 512)  # conv4, conv5
        + (6 * 8 * 512 * 4096 + 4096)  # full6
        + (4096 * 2048 + 2048)  # full7
    )
    assert sum(p.numel() for p in net.parameters()) == by_hand
    assert SPEC.features["full7"] == net.full7.out_features == 2048
    assert (SPEC.input.size, SPEC.input.length) == ((240, 320), 10)


def test_the_papers_size_reaches_full6_without_averaging():
    net = MotionCnn(2).eval()
    seen = {}
    net.grid.register_forward_hook(lambda _m, given, got: seen.update(given=given[0], got=got))
    stack = torch.rand(1, 240, 320, 4) * 2 - 1
    with torch.inference_mode():
        features = net(stack)
    assert features.shape == (1, 2048)
    assert torch.equal(seen["given"], seen["got"])
    assert seen["given"].shape == (1, 512, 6, 8)
    # Layer by layer, from the paper's line.
    with torch.inference_mode():
        x = F.max_pool2d(
            torch.relu(F.conv2d(stack.permute(0, 3, 1, 2), net.conv1.weight, net.conv1.bias, 2)), 3, 2
        )
        x = x / (1 + 1e-5) ** 0.5  # batch norm with fresh statistics
        x = F.max_pool2d(torch.relu(F.conv2d(x, net.conv2.weight, net.conv2.bias, 2, 1)), 3, 2)
        for conv in (net.conv3, net.conv4, net.conv5):
            x = torch.relu(F.conv2d(x, conv.weight, conv.bias, 1, 1))
        x = F.max_pool2d(x, 3, 2).flatten(1)
        for full in (net.full6, net.full7):
            x = torch.relu(x @ full.weight.T + full.bias)
    torch.testing.assert_close(features, x, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (120, 160), (67, 67)])
def test_other_sizes_work(height, width):
    net = MotionCnn(1).eval()
    with torch.inference_mode():
        assert net(torch.zeros(1, height, width, 2)).shape == (1, 2048)


def test_what_does_not_fit_is_refused():
    net = MotionCnn(3)
    with pytest.raises(UsageError, match="takes stacks of 3 fields, got 10; set the stream's stack to 3"):
        net(torch.zeros(1, 100, 100, 20))
    with pytest.raises(UsageError, match="give 67 x 67 or more"):
        net(torch.zeros(1, 40, 100, 6))


def test_dropout_works_in_training_only():
    net = MotionCnn(1)
    stack = torch.rand(1, 67, 67, 2)
    net.unfreeze(7, "train")
    net.train()
    assert (net(stack) == 0).float().mean() > 0.4
    net.eval()
    assert torch.equal(net(stack), net(stack))


def test_learns_to_tell_left_from_right():
    torch.manual_seed(0)
    net = MotionCnn(1, dropout=0.0)
    net.unfreeze(7, "train")
    net.train()
    head = torch.nn.Linear(SPEC.features["full7"], 2)
    for layer in (net.full6, net.full7):  # the large layers stay as they are: enough here, and fast
        layer.requires_grad_(False)
    optimizer = torch.optim.Adam(
        [p for p in [*net.parameters(), *head.parameters()] if p.requires_grad], 1e-3
    )
    labels = torch.tensor([0, 1] * 2)
    stacks = torch.randn(4, 67, 67, 2) * 0.2
    stacks[..., 0] += torch.where(labels == 0, -0.5, 0.5)[:, None, None]
    losses = []
    for _ in range(6):
        loss = F.cross_entropy(head(net(stacks)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
