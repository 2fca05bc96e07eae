"""Extra versions of training frames: rotated, cropped, flipped, in other colours."""

import hashlib
from typing import Annotated, Literal, Self

import numpy as np
from PIL import Image, ImageEnhance
from pydantic import Field, model_validator

from ..settings import APART, Settings

# In the order in which they change.
_COLOURS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)


class Augment(Settings):
    """Extra versions of each TRAINING frame; the same random choice for every frame of one version.

    `copies` versions are computed once and stored; with `on_the_fly` each epoch sees a new version instead,
    at the price of running the backbone in every epoch. A backbone stage, which runs it anyway, sees a new
    version in every epoch whatever these two say.

    `rotate`: by up to so many degrees. `crop`: `random` keeps 7/8 of each side, `resized` a rectangle of
    `area` to 1 of the picture whose aspect changes by up to 4/3 (Szegedy et al. 2015). `flip`: the
    probability of a mirror image; leave it at 0 where left and right tell classes apart. `colour`:
    brightness, contrast and saturation change by a factor between 1 - colour and 1 + colour each.
    """

    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    crop: Literal["none", "random", "resized"] = "none"
    area: Annotated[float, Field(gt=0, le=1)] = 0.5
    flip: Annotated[float, Field(ge=0, le=1)] = 0.0
    colour: Annotated[float, Field(ge=0, lt=1)] = 0.0
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
        self.kept = (7 / 8, 7 / 8) if spec.crop == "random" else (1.0, 1.0)
        self.offset = random.random(2)
        if spec.crop == "resized":
            area, stretch = random.uniform(spec.area, 1), (4 / 3) ** random.uniform(-0.5, 0.5)
            self.kept = (min(area**0.5 / stretch, 1.0), min(area**0.5 * stretch, 1.0))
        self.colours = random.uniform(1 - spec.colour, 1 + spec.colour, 3).tolist() if spec.colour else []

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """One frame uint8 [H, W, 3] changed; the size shrinks where it is cropped."""
        if self.angle or self.colours:
            frame = np.asarray(self._painted(Image.fromarray(frame)))
        height, width = (max(int(k * side), 1) for k, side in zip(self.kept, frame.shape[:2], strict=True))
        top, left = (
            int(o * (side - cut + 1))
            for o, side, cut in zip(self.offset, frame.shape[:2], (height, width), strict=True)
        )
        frame = frame[top : top + height, left : left + width]
        return np.ascontiguousarray(frame[:, ::-1]) if self.flip else np.ascontiguousarray(frame)

    def _painted(self, image: Image.Image) -> Image.Image:
        if self.angle:
            image = image.rotate(self.angle, Image.Resampling.BILINEAR)
        for kind, factor in zip(_COLOURS, self.colours, strict=False):
            image = kind(image).enhance(factor)
        return image
