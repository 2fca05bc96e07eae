"""The learned flow methods, loaded: frames in, network on pairs, fields out.

RAFT (Teed and Deng 2020, arXiv:2003.12039), small and large, is torchvision's; FlowNet 2.0 (Ilg et al. 2017,
arXiv:1612.01925) comes through ptlflow, an extra because of its pins.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..backbones.device import torch_device
from ..errors import UsageError
from ..weights.find import find_weights
from ..weights.read import fill, read_state
from .methods import NETWORKS
from .pairs import Compute

BATCH = 4
# RAFT's correlation pyramid needs 16 positions at an eighth of the resolution.
_MULTIPLE, _LEAST = 8, 128


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
    build, pair_fields = _FAMILIES[network.family]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build(name)
    if weights != "none":
        path, _ = find_weights(name, (network.weights,), folder, download=download)
        # FlowNet 2.0's published file carries its training arguments beside its values.
        with torch.serialization.safe_globals([argparse.Namespace]):
            fill(net, read_state(path), f"{name} from {path}")
    chosen = torch_device(device)
    net = net.to(chosen).eval()
    return partial(
        network_fields, partial(pair_fields, net, **{**network.parameters, **parameters}), device=chosen
    )


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


def _raft(name: str) -> nn.Module:
    from torchvision.models import optical_flow

    return getattr(optical_flow, name)(weights=None)


def _raft_fields(net: Any, first: Tensor, second: Tensor, *, updates: int) -> Tensor:
    first, cut = padded(first / 127.5 - 1)
    second, _ = padded(second / 127.5 - 1)
    return net(first, second, num_flow_updates=updates)[-1][..., cut[0], cut[1]]


def padded(images: Tensor) -> tuple[Tensor, tuple[slice, slice]]:
    """Images [N, 3, H, W] with edges repeated to at least 128 pixels and a multiple of 8 a side, evenly on
    both sides, and the slices that cut the original out again."""
    height, width = images.shape[-2:]
    down, right = (max(-(-size // _MULTIPLE) * _MULTIPLE, _LEAST) - size for size in (height, width))
    top, left = down // 2, right // 2
    grown = F.pad(images, (left, right - left, top, down - top), mode="replicate")
    return grown, (slice(top, top + height), slice(left, left + width))


def _flownet2(name: str) -> nn.Module:
    try:
        # One of ptlflow's other networks wants Faiss for GPUs, and fails on the one for processors.
        with _hidden("faiss"):
            import ptlflow
    except ImportError:
        raise UsageError(
            f"method {name} needs ptlflow, which is not installed; run: pip install 'ptlflow>=0.4.1'"
        ) from None
    return ptlflow.get_model(name)


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """While it lasts, importing a module fails as if it were not installed."""
    known = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if known is None:
            del sys.modules[name]
        else:
            sys.modules[name] = known


def _flownet2_fields(net: Any, first: Tensor, second: Tensor) -> Tensor:
    # ptlflow takes pairs [N, 2, 3, H, W] in 0..1, blue first, and resizes them to multiples of 64.
    images = torch.stack([first, second], dim=1).flip(2) / 255
    return net({"images": images})["flows"][:, 0]


# What builds a network of random values, and its fields [N, 2, H, W] in pixels of two batches of images,
# RGB float32 [N, 3, H, W] in 0..255.
_FAMILIES: dict[str, tuple[Callable[[str], nn.Module], Callable[..., Tensor]]] = {
    "raft": (_raft, _raft_fields),
    "flownet2": (_flownet2, _flownet2_fields),
}
