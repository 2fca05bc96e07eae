"""Frames to the size that a backbone, or optical flow, wants. Plain arrays in, plain arrays out."""

from typing import Literal

import numpy as np
from PIL import Image

# I3D's authors compute flow with the short side at 256 and cut 224 out of its middle.
FLOW_MARGIN = 256 / 224
# Of longer pictures the middle counts: their flow would take memory without bound.
LONGEST_ASPECT = 4.0


def fit(frame: np.ndarray, size: tuple[int, int], crop: Literal["center", "stretch"]) -> np.ndarray:
    """Bring a frame uint8 [H, W, 3] or [H, W] to `size` (height, width), bilinear with anti-aliasing.

    `center` cuts the largest centred part of the wanted shape and then resizes, `stretch` resizes all of it.
    """
    frame = part(frame, size, crop)
    if frame.shape[:2] == size:
        return frame
    # Cut before resizing: Pillow's `box` would let pixels from outside bleed in.
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def part(frame: np.ndarray, size: tuple[int, int], crop: Literal["center", "stretch"]) -> np.ndarray:
    """What of a frame `fit` brings to `size`."""
    if crop == "stretch":
        return frame
    aspect = size[1] / size[0]
    return cut(frame, aspect, aspect)


def fit_flow(frame: np.ndarray, size: tuple[int, int], crop: Literal["center", "stretch"]) -> np.ndarray:
    """The frame on which flow is computed that is wanted at `size`: `stretch` gives that size itself.

    `center` keeps the shape and scales the picture until `size` and a margin of an eighth fit into it
    (224 x 224 into a short side of 256); `middle` then cuts the field. A picture of more than four times the
    wanted aspect, wide or high, is cut to that first.
    """
    if crop == "stretch":
        return fit(frame, size, "stretch")
    aspect = size[1] / size[0]
    frame = cut(frame, aspect / LONGEST_ASPECT, aspect * LONGEST_ASPECT)
    needed = [round(side * FLOW_MARGIN) for side in size]
    scale = max(n / side for n, side in zip(needed, frame.shape, strict=False))
    height, width = (max(n, round(side * scale)) for n, side in zip(needed, frame.shape, strict=False))
    return fit(frame, (height, width), "stretch")


def middle(field: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The centred part of `size` of a field [2, H, W]."""
    top, left = (field.shape[1] - size[0]) // 2, (field.shape[2] - size[1]) // 2
    return field[:, top : top + size[0], left : left + size[1]]


def cut(frame: np.ndarray, narrowest: float, widest: float) -> np.ndarray:
    """The largest centred part whose width over height lies in these bounds, at least one pixel a side."""
    height, width = frame.shape[:2]
    cut_width = min(width, max(round(height * widest), 1))
    cut_height = min(height, max(round(width / narrowest), 1))
    top, left = (height - cut_height) // 2, (width - cut_width) // 2
    return frame[top : top + cut_height, left : left + cut_width]
