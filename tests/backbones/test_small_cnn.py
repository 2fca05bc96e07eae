"""The small CNN: what a step can tell and what it cannot, and colours and energy against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kinema.backbones.small_cnn import SPEC, build
from kinema.backbones.small_cnn_net import COLOUR_GAIN, ENERGY_GAIN, colour_and_motion


@pytest.fixture
def clips() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, 3, 64, 64, 3), dtype=np.uint8))


def test_features_do_not_tell_the_direction_of_time(clips: torch.Tensor) -> None:
    net = build().eval()
    with torch.no_grad():
        assert torch.equal(net(clips), net(clips.flip(1)))
        assert not torch.allclose(net(clips), net(clips.roll(1, dims=1)))  # another middle frame is seen


def test_still_clip_has_no_energy(clips: torch.Tensor) -> None:
    still = clips[:, :1].expand(-1, 3, -1, -1, -1)
    assert torch.count_nonzero(colour_and_motion(still)[:, 3]) == 0
    assert torch.count_nonzero(colour_and_motion(clips)[:, 3]) > 0


def test_colour_and_motion_pixel_by_pixel(clips: torch.Tensor) -> None:
    found = colour_and_motion(clips[:1, :, :5, :4]).numpy()
    y = clips[0, :, :5, :4].numpy().astype(np.float64) / 255
    energy = np.zeros((5, 4))
    for row in range(5):
        for column in range(4):
            a, b, c = y[:, row, column].mean(1)
            energy[row, column] = abs(b - a) + abs(c - b)
    np.testing.assert_allclose(found[0, 3], ENERGY_GAIN * energy, atol=1e-5)
    for colour in range(3):
        middle = y[1, :, :, colour]
        np.testing.assert_allclose(found[0, colour], COLOUR_GAIN * (middle - middle.mean()), atol=1e-5)


def test_brightness_of_the_whole_picture_does_not_matter() -> None:
    dark = torch.from_numpy(np.random.default_rng(1).integers(0, 128, (1, 3, 8, 8, 3), dtype=np.uint8))
    torch.testing.assert_close(colour_and_motion(dark), colour_and_motion(dark + 100), atol=1e-5, rtol=0)


def test_random_changes_belong_to_training(clips: torch.Tensor) -> None:
    net = build()
    net.unfreeze(4, "eval")
    with torch.no_grad():
        net.eval()
        assert len({net(clips).sum().item() for _ in range(4)}) == 1
        net.train()
        assert len({net(clips).sum().item() for _ in range(8)}) > 1


def test_one_change_for_the_whole_batch(clips: torch.Tensor) -> None:
    """The steps of a video stay comparable: the same clip twice in a batch gives the same features."""
    net = build()
    net.unfreeze(4, "eval")
    net.train()
    with torch.no_grad():
        for _ in range(3):
            first, second = net(clips[:1].expand(2, -1, -1, -1, -1))
            assert torch.allclose(first, second, atol=1e-6)


def test_table_row(clips: torch.Tensor) -> None:
    net = build().eval()
    with torch.no_grad():
        found = net(clips)
    assert found.shape == (4, SPEC.features["grid"])
    assert found.dtype == torch.float32
    assert len(net.blocks()) == 4


def test_a_shift_by_one_pixel_is_no_motion_of_its_own(clips: torch.Tensor) -> None:
    first = clips[:, :1]
    shaken = torch.cat([first, first, first.roll(1, dims=3)], dim=1)
    inside = colour_and_motion(shaken)[:, 4, 2:-2, 2:-2]
    assert torch.count_nonzero(inside) == 0
    assert torch.count_nonzero(colour_and_motion(shaken)[:, 3]) > 0
    assert torch.count_nonzero(colour_and_motion(clips)[:, 4]) > 0
