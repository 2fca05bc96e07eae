"""Three frames as one picture: clips that stand still or run backwards, and timm's own stages."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch

from kinema.backbones.load import load_backbone
from kinema.backbones.mobilenet_v2_motion import STAGES
from kinema.backbones.random_init import synthetic_batch


@pytest.fixture(scope="module")
def module() -> torch.nn.Module:
    return load_backbone("mobilenet_v2_motion", weights="none").module


def clips(module_seed: int = 3) -> torch.Tensor:
    from kinema.backbones.mobilenet_v2_motion import SPEC

    return synthetic_batch(SPEC.input, seed=module_seed)[:2]


def test_backwards_is_the_negative_and_rest_is_zero(module: torch.nn.Module) -> None:
    batch = clips()
    with torch.inference_mode():
        ahead, back = module(batch), module(batch.flip(1))
        still = module(batch[:, :1].expand(-1, 5, -1, -1, -1))
    torch.testing.assert_close(back, -ahead, atol=1e-4, rtol=1e-3)
    assert ahead.abs().mean() > 1e-2
    assert not still.any()


def test_the_values_are_those_of_timms_stages(module: torch.nn.Module) -> None:
    batch = clips()
    features = timm.create_model(
        "mobilenetv2_100", pad_type="same", pretrained=False, features_only=False, num_classes=0
    ).eval()
    own = {k.removeprefix("net."): v for k, v in module.state_dict().items()}
    assert not features.load_state_dict(own, strict=False).unexpected_keys
    sums: list[np.ndarray] = []
    for order in ((0, 2, 4), (4, 2, 0)):
        grey = [
            0.299 * batch[:, t, :, :, 0].float()
            + 0.587 * batch[:, t, :, :, 1].float()
            + 0.114 * batch[:, t, :, :, 2].float()
            for t in order
        ]
        caught: dict[int, torch.Tensor] = {}
        hooks = [
            features.blocks[s].register_forward_hook(
                lambda m, i, o, s=s, caught=caught: caught.update({s: o})
            )
            for s in STAGES
        ]
        with torch.inference_mode():
            features(torch.stack(grey, dim=1) / 128 - 1)
        for hook in hooks:
            hook.remove()
        sums.append(np.concatenate([caught[s].flatten(2).mean(2).numpy() for s in STAGES], axis=1))
    with torch.inference_mode():
        found = module(batch).numpy()
    np.testing.assert_allclose(found, sums[0] - sums[1], atol=2e-3)
