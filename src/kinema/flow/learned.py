"""What the learned flow methods share: frames in, network on pairs, fields out, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import UsageError, WorkError

# First and second frames, RGB float32 [N, 3, H, W] in 0..255 -> fields [N, 2, H, W] in pixels.
PairNetwork = Callable[[Tensor, Tensor], Tensor]

BATCH = 4


def learned_fields(
    network: PairNetwork,
    frames: Iterable[np.ndarray],
    method: str,
    *,
    device: str = "cpu",
    batch: int = BATCH,
) -> Iterator[np.ndarray]:
    """Fields float32 [2, H, W] between consecutive frames, uint8 [H, W] (grey) or [H, W, 3] (RGB).

    Holds `batch + 1` frames. Raises `WorkError` where a field is not finite, `UsageError` where the frame
    size changes.
    """
    stream = iter(frames)
    held = list(islice(stream, 1))
    done = 0
    while more := list(islice(stream, batch)):
        images = torch.stack([_image(frame, held[0]) for frame in held + more]).to(device)
        with torch.inference_mode():
            fields = network(images[:-1], images[1:]).float().cpu().numpy()
        for offset, field in enumerate(fields):
            check_finite(field, done + offset, method)
            yield np.ascontiguousarray(field)
        done += len(more)
        held = more[-1:]


def check_finite(field: np.ndarray, pair: int, method: str) -> None:
    """Raise `WorkError`, naming the pair, where a field holds NaN or infinity."""
    if not np.isfinite(field).all():
        raise WorkError(
            f"{method} gave a field that is not finite between frames {pair} and {pair + 1}; "
            f"run it in float32 on the processor, or use method tvl1"
        )


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


def _image(frame: np.ndarray, first: np.ndarray) -> Tensor:
    if frame.shape != first.shape:
        raise UsageError("the frame size changes inside the video; resize the frames to one size first")
    if frame.dtype != np.uint8 or frame.ndim not in (2, 3):
        raise UsageError(f"optical flow takes uint8 frames [H, W] or [H, W, 3], got {list(frame.shape)}")
    image = torch.from_numpy(np.ascontiguousarray(frame)).float()
    return image.expand(3, -1, -1) if image.ndim == 2 else image.permute(2, 0, 1)
