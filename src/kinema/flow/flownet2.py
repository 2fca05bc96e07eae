"""FlowNet 2.0 (Ilg et al. 2017, arXiv:1612.01925) through ptlflow, an extra because of its pins."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..backbones.load import fill
from ..backbones.spec import WeightFile
from ..backbones.weights import find_weights, read_state
from ..errors import UsageError
from .learned import PairNetwork

WEIGHTS = WeightFile(
    files=("flownet2-things-d63b53a7.ckpt",),
    url="https://github.com/hmorimitsu/ptlflow/releases/download/weights1/flownet2-things-d63b53a7.ckpt",
    sha256="d63b53a7",
    licence="research only; trained on FlyingChairs and FlyingThings3D by the authors of FlowNet 2.0",
)


def load_flownet2(
    weights_dir: str | Path | None = None, *, weights: str = "published", device: str = "cpu", seed: int = 0
) -> PairNetwork:
    """FlowNet 2.0 as a function of two batches of frames.

    Raises `UsageError` where ptlflow is not installed, `WeightsError` for an absent or unfitting file.
    """
    try:
        import ptlflow
    except ImportError:
        raise UsageError(
            "method flownet2 needs ptlflow, which is not installed; run: pip install 'kinema[flownet2]'"
        ) from None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net: Any = ptlflow.get_model("flownet2")
    if weights != "none":
        path, _ = find_weights("flownet2", (WEIGHTS,), weights_dir)
        # The published file carries its training arguments beside its values.
        with torch.serialization.safe_globals([argparse.Namespace]):
            fill(net, read_state(path), f"flownet2 from {path}")
    net = net.to(device).eval()

    def pairs(first: Tensor, second: Tensor) -> Tensor:
        # ptlflow takes pairs [N, 2, 3, H, W] in 0..1, blue first, and resizes them to multiples of 64.
        images = torch.stack([first, second], dim=1).flip(2) / 255
        fields: Tensor = net({"images": images})["flows"]
        return fields[:, 0]

    return pairs
