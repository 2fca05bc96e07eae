"""RAFT (Teed and Deng 2020, arXiv:2003.12039), small and large, from torchvision."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

# RAFT's correlation pyramid needs 16 positions at an eighth of the resolution.
_MULTIPLE, _LEAST = 8, 128


def build(name: str) -> nn.Module:
    """`raft_small` or `raft_large` with random values."""
    from torchvision.models import optical_flow

    net: nn.Module = getattr(optical_flow, name)(weights=None)
    return net


def pair_fields(net: Any, first: Tensor, second: Tensor, *, updates: int) -> Tensor:
    """RGB [N, 3, H, W] in 0..255, twice -> fields [N, 2, H, W] after `updates` refinements."""
    first, cut = padded(first / 127.5 - 1, _MULTIPLE, _LEAST)
    second, _ = padded(second / 127.5 - 1, _MULTIPLE, _LEAST)
    fields: Tensor = net(first, second, num_flow_updates=updates)[-1]
    return fields[..., cut[0], cut[1]]


def padded(images: Tensor, multiple: int, least: int) -> tuple[Tensor, tuple[slice, slice]]:
    """Images [N, 3, H, W] with edges repeated to at least `least` pixels and a multiple of `multiple`
    a side, evenly on both sides, and the slices that cut the original out again."""
    sides = []
    for size in images.shape[-2:]:
        total = max(-(-size // multiple) * multiple, least) - size
        sides.append((total // 2, total - total // 2))
    (top, bottom), (left, right) = sides
    grown = F.pad(images, (left, right, top, bottom), mode="replicate")
    height, width = images.shape[-2:]
    return grown, (slice(top, top + height), slice(left, left + width))
