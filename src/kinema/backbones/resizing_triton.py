"""Frames resized by one kernel: what `resizing` does, without what lies between its steps in memory."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .resizing import BITS, Taps

_BLOCK = 256


def resized(frames: Tensor, rows: Taps, columns: Taps, *, across_first: bool) -> Tensor:
    """uint8 [N, h, w, 3], contiguous -> uint8 [N, H, W, 3]; either direction first."""
    number, old_height, old_width, _ = frames.shape
    height, width = len(rows.first), len(columns.first)
    found = torch.empty((number, height, width, 3), dtype=torch.uint8, device=frames.device)
    # The kernel's inner direction comes first. Steps in memory and sizes are those of (outer, inner).
    outer, inner = (rows, columns) if across_first else (columns, rows)
    steps = (3 * old_width, 3) if across_first else (3, 3 * old_width)
    ends = (old_height - 1, old_width - 1) if across_first else (old_width - 1, old_height - 1)
    _resize[number * height, triton.cdiv(3 * width, _BLOCK)](
        frames, found, outer.first, outer.weights, inner.first, inner.weights,
        3 * old_height * old_width, *steps, *ends, height, width, across_first,
        outer.weights.shape[1], inner.weights.shape[1], BITS, _BLOCK,
    )  # fmt: skip
    return found


@triton.jit
def _resize(
    frames, found, outer_first, outer_weights, inner_first, inner_weights,
    frame_bytes, outer_step, inner_step, outer_end, inner_end, height, width, ACROSS_FIRST: tl.constexpr,
    OUTER: tl.constexpr, INNER: tl.constexpr, BITS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A part of one row of one new frame, all three colours: what is between the directions is made anew."""
    line = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = place < 3 * width
    x, y = place // 3, tl.zeros((BLOCK,), tl.int32) + (line % height).to(tl.int32)
    if ACROSS_FIRST:
        outer, inner = y, x
    else:
        outer, inner = x, y
    start = frames + line // height * frame_bytes + place % 3
    outer_place = tl.load(outer_first + outer, mask=inside, other=0)
    inner_place = tl.load(inner_first + inner, mask=inside, other=0)
    total = tl.full((BLOCK,), 1 << (BITS - 1), tl.int32)
    for i in range(OUTER):
        at = start + tl.minimum(outer_place + i, outer_end) * outer_step
        between = tl.full((BLOCK,), 1 << (BITS - 1), tl.int32)
        for j in range(INNER):
            pixel = at + tl.minimum(inner_place + j, inner_end) * inner_step
            weight = tl.load(inner_weights + inner * INNER + j, mask=inside, other=0)
            between += weight * tl.load(pixel, mask=inside, other=0).to(tl.int32)
        between = tl.minimum(tl.maximum(between >> BITS, 0), 255)
        total += between * tl.load(outer_weights + outer * OUTER + i, mask=inside, other=0)
    total = tl.minimum(tl.maximum(total >> BITS, 0), 255)
    tl.store(found + 3 * line * width + place, total.to(tl.uint8), mask=inside)
