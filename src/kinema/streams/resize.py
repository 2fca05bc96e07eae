"""Bilinear resizing with anti-aliasing: Pillow's to the bit, by Pillow or by kernels three times as fast."""

import sys
from itertools import count

import numpy as np
from PIL import Image

# Loading numba takes as long as the kernels save on so many pictures.
PAYS_AFTER = 700
_pictures = count()


def bilinear(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A frame uint8 [H, W, 3] or [H, W] at `size` (height, width), the same whichever way it was made."""
    if _rows_first(frame.shape, size) and ("numba" in sys.modules or next(_pictures) >= PAYS_AFTER):
        from .resize_kernels import resized

        return resized(frame, size)
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def _rows_first(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether every version of Pillow resizes the rows first.

    From 13 on it begins with the columns where that saves work, in tall pictures and where the height shrinks
    more than the width: those are left to it.
    """
    height, width = shape[:2]
    return len(shape) == 3 and height <= width and size[0] * width >= size[1] * height
