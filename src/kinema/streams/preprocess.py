"""Frames as a library's own transforms would hand them to its model. Plain arrays in, plain arrays out.

Resized first and cut then, in Pillow's 8-bit arithmetic: what timm's and torchvision's evaluation transforms
do to the bit, and transformers' processors to one grey level.
"""

import numpy as np
from PIL import Image

from ..backbones.spec import InputSpec, Preprocessing
from .images import LONGEST_ASPECT, cut, fit, part

# Frames of up to so many times a view's pixels are resized by the device.
MOST_MOVED = 4

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def fit_view(frame: np.ndarray, view: InputSpec) -> np.ndarray:
    """A frame uint8 [H, W, 3] at the size of a view, which has one: its library's way, or by its crop."""
    assert view.size is not None, "only views of a size are fitted"
    if view.library_way is None:
        return fit(frame, view.size, view.crop)
    return preprocess(frame, view.size, view.library_way)


def part_for_view(frame: np.ndarray, view: InputSpec) -> np.ndarray:
    """What of a frame is resized for a view, where that is left to the device that computes it.

    As `fit_view`, where a library resizes in its own way, or where the part is so large that to move it costs
    more than to resize it here.
    """
    assert view.size is not None, "only views of a size are fitted"
    if view.library_way is None:
        whole = part(frame, view.size, view.crop)
        if whole.shape[0] * whole.shape[1] <= MOST_MOVED * view.size[0] * view.size[1]:
            return np.ascontiguousarray(whole)
    return fit_view(frame, view)


def preprocess(frame: np.ndarray, size: tuple[int, int], how: Preprocessing) -> np.ndarray:
    """A frame uint8 [H, W, 3] resized by `how`, then its middle of `size` (height, width).

    A picture of more than four times the wanted aspect is cut to that first, so that memory is bounded.
    """
    if isinstance(how.resize, int) and not how.pad:
        aspect = size[1] / size[0]
        frame = cut(frame, aspect / LONGEST_ASPECT, aspect * LONGEST_ASPECT)
    resized = _resized(frame, _target(frame, how), how)
    if how.pad:
        resized = _padded(resized, size, how.mean)
    return _middle(resized, size)


def _target(frame: np.ndarray, how: Preprocessing) -> tuple[int, int]:
    if not isinstance(how.resize, int):
        return how.resize
    height, width = frame.shape[:2]
    if how.pad:
        scale = how.resize / max(height, width)
        return max(round(height * scale), 1), max(round(width * scale), 1)
    # torchvision's rule: the long side is rounded down.
    if width <= height:
        return int(how.resize * height / width), how.resize
    return how.resize, int(how.resize * width / height)


def _resized(frame: np.ndarray, target: tuple[int, int], how: Preprocessing) -> np.ndarray:
    if frame.shape[:2] == target:
        return frame
    if not how.antialias and how.interpolation == "bilinear":
        return _sampled(frame, target)
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((target[1], target[0]), _FILTERS[how.interpolation]))


def _sampled(frame: np.ndarray, target: tuple[int, int]) -> np.ndarray:
    """Bilinear between the four nearest pixels, however much smaller the result is."""
    values = frame.astype(np.float32)
    for axis, length in enumerate(target):
        before, after, share = _neighbours(frame.shape[axis], length)
        share = share.reshape(-1, *[1] * (2 - axis))
        values = values.take(before, axis) * (1 - share) + values.take(after, axis) * share
    return np.rint(values).astype(np.uint8)


def _neighbours(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    places = ((np.arange(new) + 0.5) * old / new - 0.5).clip(0, old - 1)
    before = np.floor(places).astype(np.int64)
    return before, np.minimum(before + 1, old - 1), (places - before).astype(np.float32)


def _padded(frame: np.ndarray, size: tuple[int, int], mean: tuple[float, ...]) -> np.ndarray:
    height, width = max(frame.shape[0], size[0]), max(frame.shape[1], size[1])
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[...] = [round(255 * value) for value in mean]
    top, left = (height - frame.shape[0]) // 2, (width - frame.shape[1]) // 2
    canvas[top : top + frame.shape[0], left : left + frame.shape[1]] = frame
    return canvas


def _middle(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The centred part, by torchvision's rounding; a frame that is too small gets black borders, as there."""
    short = [max(wanted - side, 0) for wanted, side in zip(size, frame.shape, strict=False)]
    if any(short):
        # torchvision pads half of what lacks on each side, the larger half behind.
        around = [(lack // 2, (lack + 1) // 2) for lack in short]
        frame = np.pad(frame, (*around, (0, 0)))
    top, left = (round((side - wanted) / 2) for side, wanted in zip(frame.shape, size, strict=False))
    return np.ascontiguousarray(frame[top : top + size[0], left : left + size[1]])
