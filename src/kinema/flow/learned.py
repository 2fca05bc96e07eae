"""A learned flow method, loaded: frames in, network on pairs, fields out."""

import argparse
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..backbones.device import torch_device
from ..weights.find import find_weights
from ..weights.read import fill, read_state
from .networks import NETWORKS
from .pairs import Compute

BATCH = 4


def load_network(
    name: str,
    *,
    weights: str = "published",
    folder: Path | None = None,
    download: bool = True,
    device: str = "cpu",
    seed: int = 0,
    **parameters: int,
) -> Compute:
    """The network `name` of `NETWORKS` as a function from n + 1 frames to their n fields.

    weights: `published` or `none` (random values by `seed`). folder and download: as in `find_weights`.
    Raises `UsageError` where a package is missing, `WeightsError` for an absent or unfitting file.
    """
    network = NETWORKS[name]
    module = import_module(f".{network.module}", __package__)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = module.build(name)
    if weights != "none":
        path, _ = find_weights(name, (network.weights,), folder, download=download)
        # FlowNet 2.0's published file carries its training arguments beside its values.
        with torch.serialization.safe_globals([argparse.Namespace]):
            fill(net, read_state(path), f"{name} from {path}")
    chosen = torch_device(device)
    net = net.to(chosen).eval()
    given = {**network.parameters, **parameters}
    return partial(network_fields, partial(module.pair_fields, net, **given), device=chosen)


def network_fields(
    pair_fields: Callable[[Tensor, Tensor], Tensor],
    frames: list[np.ndarray],
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """Frames uint8 [H, W] (grey) or [H, W, 3] (RGB), n + 1 of them -> fields float32 [n, 2, H, W]."""
    images = torch.stack([_image(frame) for frame in frames]).to(device)
    with torch.inference_mode():
        return pair_fields(images[:-1], images[1:]).float().cpu().numpy()


def _image(frame: np.ndarray) -> Tensor:
    image = torch.from_numpy(np.ascontiguousarray(frame)).float()
    return image.expand(3, -1, -1) if image.ndim == 2 else image.permute(2, 0, 1)
