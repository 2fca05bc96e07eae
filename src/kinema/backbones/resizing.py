"""Frames to the size of a network on the device that computes it, to the bit as Pillow does on the processor.

Bilinear with anti-aliasing, in whole numbers: weights of 22 bits, rounded to 8 bits after either direction. A
GPU of NVIDIA does it in one kernel (`resizing_triton`).
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .spec import InputSpec

BITS = 22


@dataclass(frozen=True, slots=True)
class Taps:
    """What each pixel of a line is made of: `first` int32 [new], and the weights of it and those behind it,
    int32 [new, K]. Their sum is 2 to the power of `BITS`, but for rounding."""

    first: Tensor
    weights: Tensor


@lru_cache(maxsize=256)
def taps(old: int, new: int, device: torch.device) -> Taps:
    """Of a line of `old` pixels that becomes one of `new`."""
    scale = old / new
    reach = max(scale, 1.0)
    centres = (np.arange(new) + 0.5) * scale
    first = np.maximum((centres - reach + 0.5).astype(int), 0)
    ends = np.minimum((centres + reach + 0.5).astype(int), old)
    places = first[:, None] + np.arange((ends - first).max())
    shares = np.maximum(1 - np.abs((places - centres[:, None] + 0.5) / reach), 0) * (places < ends[:, None])
    weights = np.floor(shares / shares.sum(1, keepdims=True) * (1 << BITS) + 0.5)
    return Taps(*(torch.from_numpy(a.astype(np.int32)).to(device) for a in (first, weights)))


def at_size(frames: Tensor, view: InputSpec) -> Tensor:
    """uint8 [..., h, w, 3] -> uint8 [..., H, W, 3] of the view's size; what has that size stays as it is."""
    if view.dtype != "uint8" or view.size is None or frames.shape[-3:-1] == view.size:
        return frames
    height, width = view.size
    flat = frames.flatten(0, -4).contiguous()
    rows, columns = (taps(o, n, frames.device) for o, n in zip(flat.shape[1:3], view.size, strict=True))
    across = _across_first(flat.shape[1:3], view.size)
    if frames.device.type == "cuda" and importlib.util.find_spec("triton"):
        from .resizing_triton import resized

        found = resized(flat, rows, columns, across_first=across)
    elif across:
        found = _weighed(_weighed(flat, columns, 2), rows, 1)
    else:
        found = _weighed(_weighed(flat, rows, 1), columns, 2)
    return found.reshape(*frames.shape[:-3], height, width, 3)


def _across_first(old: Sequence[int], new: Sequence[int]) -> bool:
    """Whether lines are resized before columns: as Pillow 13, unless the height shrinks twice as much."""
    down, across = (o - n for o, n in zip(old, new, strict=True))
    return not (down > 0 and down > 2 * across)


def _weighed(frames: Tensor, line: Taps, axis: int) -> Tensor:
    """uint8 [N, h, w, 3] with one of its axes resized."""
    shape = [-1 if a == axis else 1 for a in range(4)]
    total = torch.full((), 1 << (BITS - 1), dtype=torch.int32, device=frames.device)
    for number, weights in enumerate(line.weights.T):
        places = (line.first + number).clamp_(max=frames.shape[axis] - 1)
        total = total + frames.index_select(axis, places).to(torch.int32) * weights.view(shape)
    return (total >> BITS).clamp_(0, 255).to(torch.uint8)
