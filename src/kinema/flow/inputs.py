"""Displacement fields as what the networks take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def flow_for_i3d(flow: np.ndarray, clip_px: float = 20.0) -> np.ndarray:
    """Fields [..., 2, H, W] in pixels -> float32 [..., H, W, 2]: clipped at +-clip_px, scaled to [-1, 1].

    20 pixels is what the authors of I3D trained on.
    """
    bound = np.float32(clip_px)
    clipped = np.clip(np.asarray(flow, np.float32), -bound, bound) / bound
    return np.ascontiguousarray(np.moveaxis(clipped, -3, -1))


def stack_flow(
    fields: np.ndarray | Sequence[np.ndarray], length: int = 10, clip_px: float | None = 20.0
) -> np.ndarray:
    """Fields [n, 2, H, W] in pixels -> one stack float32 [H, W, 2 * length], channels x1 y1 x2 y2 ...
    (Simonyan and Zisserman 2014, equation 1).

    Of more than `length` fields the first count; fewer are filled up with the last one. Values are clipped
    and scaled as for I3D, or left in pixels with clip_px=None.
    """
    chosen = np.asarray(fields, np.float32)[:length]
    if len(chosen) == 0:
        raise ValueError("a stack needs at least one field")
    chosen = chosen[np.minimum(np.arange(length), len(chosen) - 1)]
    scaled = np.moveaxis(chosen, 1, -1) if clip_px is None else flow_for_i3d(chosen, clip_px)
    height, width = chosen.shape[-2:]
    return np.ascontiguousarray(scaled.transpose(1, 2, 0, 3)).reshape(height, width, 2 * length)
