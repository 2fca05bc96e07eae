"""Features carried by flow: rest, opposite flow, and timm's own stages summed cell by cell."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch

from kinema.backbones.load import load_backbone
from kinema.backbones.mobilenet_v2_motion import SPEC, STAGES
from kinema.backbones.random_init import synthetic_batch


@pytest.fixture(scope="module")
def module() -> torch.nn.Module:
    return load_backbone("mobilenet_v2_motion", weights="none").module


def clips() -> torch.Tensor:
    return synthetic_batch(SPEC.input, seed=3)[:2]


def test_rest_is_zero_and_opposite_flow_the_negative(module: torch.nn.Module) -> None:
    ahead, still, back = clips(), clips(), clips()
    still[..., 3:], back[..., 3:] = 0, -back[..., 3:]
    with torch.inference_mode():
        found = module(ahead)
        torch.testing.assert_close(module(back), -found)
        assert not module(still).any()
    assert found.shape == (2, SPEC.features["carried"])
    assert found.abs().mean() > 1e-2


def test_the_features_say_which_way_and_hardly_how_fast(module: torch.nn.Module) -> None:
    slow, fast = clips(), clips()
    slow[..., 3:] *= 5
    fast[..., 3:] *= 10
    with torch.inference_mode():
        torch.testing.assert_close(module(fast), module(slow), rtol=0.05, atol=1e-3)


def test_the_values_are_those_of_timms_stages(module: torch.nn.Module) -> None:
    batch = clips()
    net = timm.create_model("mobilenetv2_100", pad_type="same", pretrained=False, num_classes=0).eval()
    own = {k.removeprefix("net."): v for k, v in module.state_dict().items()}
    assert not net.load_state_dict(own, strict=False).unexpected_keys
    caught: dict[int, np.ndarray] = {}
    for s in STAGES:
        net.blocks[s].register_forward_hook(lambda m, i, o, s=s: caught.update({s: o.numpy()}))
    with torch.inference_mode():
        net(
            ((batch[..., :3] / 255 - torch.tensor(module.mean)) / torch.tensor(module.std)).permute(
                0, 3, 1, 2
            )
        )
        found = module(batch).numpy()
    flow = batch[..., 3:].numpy()
    flow /= np.hypot(flow[..., 0], flow[..., 1]).mean((1, 2))[:, None, None, None] + 0.1
    expected = []
    for maps in caught.values():
        cell = 112 // maps.shape[2]
        for axis in (0, 1):
            values = np.zeros(maps.shape[:2])
            for y, x in np.ndindex(maps.shape[2:]):
                part = flow[:, y * cell : (y + 1) * cell, x * cell : (x + 1) * cell, axis]
                values += maps[:, :, y, x] * part.mean((1, 2))[:, None]
            expected.append(values / maps.shape[2] ** 2)
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), atol=1e-3, rtol=1e-3)
