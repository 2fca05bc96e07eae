"""Random values that make useful features: which way something moves can be read off a random I3D."""

from __future__ import annotations

import numpy as np
import torch

from kinema.backbones.load import load_backbone
from kinema.backbones.random_init import synthetic_batch
from kinema.backbones.spec import InputSpec
from kinema.backbones.table import backbone_spec


def moving_blobs(count: int, down: bool, seed: int) -> torch.Tensor:
    """Flow clips [count, 6, 64, 64, 2]: a blob somewhere, 2 pixels a frame up or down, in a little noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :64]
    clips = random.normal(scale=0.1, size=(count, 6, 64, 64, 2))
    for clip in clips:
        cy, cx = random.uniform(16, 48, size=2)
        blob = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 6**2))
        clip[..., 1] += (2.0 if down else -2.0) * blob
    return torch.from_numpy((clips / 20).astype(np.float32))


def test_direction_of_motion_survives_a_random_i3d() -> None:
    net = load_backbone("i3d_flow", weights="none").module.eval()
    with torch.no_grad():
        train = [net(moving_blobs(16, down, seed=1 + down)).double() for down in (False, True)]
        test = [net(moving_blobs(12, down, seed=3 + down)).double() for down in (False, True)]
    both = torch.cat(train)
    spread = both.std(0).clamp_min(1e-9)
    centres = torch.stack([((part - both.mean(0)) / spread).mean(0) for part in train])
    right = 0
    for label, part in enumerate(test):
        standard = (part - both.mean(0)) / spread
        right += int((torch.cdist(standard, centres).argmin(1) == label).sum())
    assert right >= 22  # of 24


def test_calibration_sees_fields_like_real_ones() -> None:
    """Mostly near rest, a few fast regions, no preferred direction; in units of the clipping bound."""
    batch = synthetic_batch(InputSpec("flow_clip", (112, 112), length=8))
    assert batch.abs().max() <= 1
    assert 0.01 < float(batch.std()) < 0.15
    assert float(batch.abs().median()) < 0.5 * float(batch.std())


def test_values_do_not_hang_on_the_number_of_threads() -> None:
    spec, threads = backbone_spec("mobilenet_v2").input, torch.get_num_threads()
    try:
        nets = []
        for count in (1, 2):
            torch.set_num_threads(count)
            nets.append(load_backbone("mobilenet_v2", weights="none").module)
        with torch.no_grad():
            first, second = (net(synthetic_batch(spec, seed=5)) for net in nets)
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(first, second, atol=5e-5, rtol=0)
