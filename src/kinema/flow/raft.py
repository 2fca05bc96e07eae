"""RAFT (Teed and Deng 2020, arXiv:2003.12039), small and large, from torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..backbones.load import fill
from ..backbones.spec import WeightFile
from ..backbones.weights import find_weights, read_state
from .learned import PairNetwork, padded

_PUBLISHED = "https://download.pytorch.org/models/"
_LICENCE = "BSD-3-Clause; trained on FlyingChairs, FlyingThings3D and others"
WEIGHTS = {
    "raft_small": WeightFile(
        files=("raft_small_C_T_V2-01064c6d.pth",),
        url=f"{_PUBLISHED}raft_small_C_T_V2-01064c6d.pth",
        sha256="01064c6d",
        licence=_LICENCE,
    ),
    "raft_large": WeightFile(
        files=("raft_large_C_T_SKHT_V2-ff5fadd5.pth", "raft_large_C_T_V2-1bb1363a.pth"),
        url=f"{_PUBLISHED}raft_large_C_T_SKHT_V2-ff5fadd5.pth",
        sha256="ff5fadd5",
        licence=_LICENCE,
    ),
}
# RAFT's correlation pyramid needs 16 positions at an eighth of the resolution.
_MULTIPLE, _LEAST = 8, 128


def load_raft(
    name: str,
    weights_dir: str | Path | None = None,
    *,
    weights: str = "published",
    device: str = "cpu",
    updates: int = 12,
    seed: int = 0,
) -> PairNetwork:
    """`raft_small` or `raft_large` as a function of two batches of frames.

    weights: `published` or `none` (seeded random values). updates: refinements of the field.
    Raises `WeightsError` where the file is absent or does not fit.
    """
    from torchvision.models import optical_flow

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net: Any = getattr(optical_flow, name)(weights=None)
    if weights != "none":
        path, _ = find_weights(name, (WEIGHTS[name],), weights_dir)
        fill(net, read_state(path), f"{name} from {path}")
    net = net.to(device).eval()

    def pairs(first: Tensor, second: Tensor) -> Tensor:
        first, cut = padded(first / 127.5 - 1, _MULTIPLE, _LEAST)
        second, _ = padded(second / 127.5 - 1, _MULTIPLE, _LEAST)
        fields: Tensor = net(first, second, num_flow_updates=updates)[-1]
        return fields[..., cut[0], cut[1]]

    return pairs
