"""Frames to backbone size: crop, resize, augment. Plain arrays in, plain arrays out."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
from PIL import Image

from ..recipe import Augment


def fit(frame: np.ndarray, size: tuple[int, int], crop: Literal["center", "stretch"]) -> np.ndarray:
    """Bring a frame uint8 [H, W, 3] or [H, W] to `size` (height, width), bilinear with anti-aliasing.

    `center` cuts the largest centred part of the wanted shape and then resizes, `stretch` resizes all of it.
    """
    if crop == "center":
        frame = _center(frame, size)
    if frame.shape[:2] == size:
        return frame
    # Cut before resizing: Pillow's `box` would let pixels from outside bleed in.
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def _center(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    height, width = frame.shape[:2]
    aspect = size[1] / size[0]
    cut_width = min(width, max(round(height * aspect), 1))
    cut_height = min(height, max(round(width / aspect), 1))
    top, left = (height - cut_height) // 2, (width - cut_width) // 2
    return frame[top : top + cut_height, left : left + cut_width]


class Augmenter:
    """One augmented version of a video's frames (corehar paper, section on augmentation).

    The random choice depends on (key, variant) alone: the same for every frame of one version, so that
    motion stays motion, and the same in every run.
    """

    def __init__(self, spec: Augment, key: str, variant: int):
        seed = int.from_bytes(hashlib.sha256(f"{key}|{variant}".encode()).digest()[:8], "big")
        random = np.random.default_rng(seed)
        self.angle = float(random.uniform(0.0, spec.rotate))
        self.flip = bool(random.random() < spec.flip)
        # A crop keeps 87.5 % of each side, as 224 of 256 does.
        self.crop = spec.crop == "random"
        self.offset = random.random(2)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Rotate, crop and flip one frame uint8 [H, W, 3]; the size shrinks where it crops."""
        if self.angle:
            image = Image.fromarray(frame)
            frame = np.asarray(image.rotate(self.angle, Image.Resampling.BILINEAR))
        if self.crop:
            height, width = (side * 7 // 8 for side in frame.shape[:2])
            top, left = (
                int(o * (side - cut + 1))
                for o, side, cut in zip(self.offset, frame.shape[:2], (height, width), strict=True)
            )
            frame = frame[top : top + height, left : left + width]
        return np.ascontiguousarray(frame[:, ::-1]) if self.flip else np.ascontiguousarray(frame)
