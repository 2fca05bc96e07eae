"""MobileNetV2 against timm's: the same names and, to the bit, the same features."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from kinema.backbones.mobilenet_v2_net import MobileNetV2


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    return torch.rand(2, 3, 75, 98, generator=torch.Generator().manual_seed(0)) * 2 - 1


def filled(net: nn.Module) -> dict[str, torch.Tensor]:
    """timm's values, with batch norms that are not the identity."""
    random = torch.Generator().manual_seed(1)
    return {
        name: value + 0.1 * torch.rand(value.shape, generator=random) if "running" in name else value
        for name, value in net.state_dict().items()
    }


@pytest.mark.parametrize("same", [True, False], ids=["same", "symmetric"])
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_it_is_timms_to_the_bit(picture: torch.Tensor, same: bool, training: bool) -> None:
    torch.manual_seed(0)
    theirs = timm.create_model("mobilenetv2_100", pad_type="same" if same else "", num_classes=0)
    values = filled(theirs)
    ours = MobileNetV2(same=same)
    for net in (ours, theirs):
        net.load_state_dict(values)
        net.train(training)
    # An odd and an even side: `same` pads both in another way.
    for part in (picture, picture[:, :, :64, :64].contiguous(memory_format=torch.channels_last)):
        torch.testing.assert_close(ours(part), theirs(part), rtol=0, atol=0)
    assert {n: p.shape for n, p in ours.state_dict().items()} == {n: v.shape for n, v in values.items()}
