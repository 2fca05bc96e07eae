"""Extra versions of training frames: rotated, cropped, flipped."""

import hashlib
from typing import Annotated, Literal, Self

import numpy as np
from PIL import Image
from pydantic import Field, model_validator

from ..settings import APART, Settings


class Augment(Settings):
    """Extra versions of each TRAINING frame; the same random choice for every frame of one version.

    `copies` versions are computed once and stored; with `on_the_fly` each epoch sees a new version instead,
    at the price of running the backbone in every epoch.
    """

    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    crop: Literal["none", "random"] = "none"
    flip: Annotated[float, Field(ge=0, le=1)] = 0.0
    copies: Annotated[int, Field(ge=0), APART] = 0
    on_the_fly: Annotated[bool, APART] = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.on_the_fly and self.copies:
            raise ValueError("`on_the_fly: true` stores no versions; set copies: 0")
        return self


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
            height, width = (max(side * 7 // 8, 1) for side in frame.shape[:2])
            top, left = (
                int(o * (side - cut + 1))
                for o, side, cut in zip(self.offset, frame.shape[:2], (height, width), strict=True)
            )
            frame = frame[top : top + height, left : left + width]
        return np.ascontiguousarray(frame[:, ::-1]) if self.flip else np.ascontiguousarray(frame)
