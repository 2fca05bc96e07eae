"""Pillow's bilinear resize in whole numbers, compiled by numba: first along the rows, then along the columns.

Weights have 22 bits behind the point, and each of the two passes rounds to whole grey levels, as there. A row
is resized as a column of the picture turned over its diagonal: then whole vectors are added.
"""

from functools import lru_cache

import numpy as np

from ..flow.compiling import compiled, compiled_row

_BITS = 22
_HALF = np.int32(1 << (_BITS - 1))
_BLOCK = 16  # of a picture that is turned: what a cache holds of both

Taps = tuple[np.ndarray, np.ndarray]


def resized(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A frame uint8 [H, W, 3] at `size` (height, width)."""
    (height, width, channels), (new_height, new_width) = frame.shape, size
    turned = np.empty((width, height, channels), np.uint8)
    narrow = np.empty((new_width, height, channels), np.uint8)
    upright = np.empty((height, new_width, channels), np.uint8)
    result = np.empty((new_height, new_width, channels), np.uint8)
    _turn(frame, turned)
    _columns(turned.reshape(width, -1), *_taps(width, new_width), narrow.reshape(new_width, -1))
    _turn(narrow, upright)
    _columns(upright.reshape(height, -1), *_taps(height, new_height), result.reshape(new_height, -1))
    return result


@lru_cache(maxsize=64)
def _taps(old: int, new: int) -> Taps:
    """For `new` places: the first of `old` pixels that counts, int64 [new], and weights, int32 [new, K]."""
    scale = old / new
    support = max(scale, 1.0)
    centres = ((np.arange(new) + 0.5) * scale)[:, None]
    first = np.maximum((centres - support + 0.5).astype(np.int64), 0)
    stop = np.minimum((centres + support + 0.5).astype(np.int64), old)
    pixels = first + np.arange(int(np.ceil(support)) * 2 + 1)
    weights = np.maximum(1 - np.abs((pixels - centres + 0.5) * (1 / support)), 0) * (pixels < stop)
    weights /= np.add.accumulate(weights, axis=1)[:, -1:]  # one after the other, as Pillow adds them
    return first[:, 0], (weights * (1 << _BITS) + 0.5).astype(np.int32)


@compiled_row
def _columns(source: np.ndarray, first: np.ndarray, weights: np.ndarray, target: np.ndarray) -> None:
    """Rows [H, N] -> [h, N], each a weighted sum of some."""
    total = np.empty(source.shape[1], np.int32)
    for y in range(target.shape[0]):
        total[:] = _HALF
        for k in range(weights.shape[1]):
            weight = weights[y, k]
            if weight:  # those behind the last pixel are 0
                _add(source[first[y] + k], weight, total)
        for x in range(total.size):
            target[y, x] = total[x] >> _BITS


@compiled_row
def _add(row: np.ndarray, weight: np.int32, total: np.ndarray) -> None:
    for x in range(total.size):
        total[x] += np.int32(row[x]) * weight


@compiled
def _turn(source: np.ndarray, target: np.ndarray) -> None:
    """[H, W, 3] -> [W, H, 3], a few rows at a time."""
    height, width, _ = source.shape
    for top in range(0, height, _BLOCK):
        for x in range(width):
            for y in range(top, min(top + _BLOCK, height)):
                for c in range(3):
                    target[x, y, c] = source[y, x, c]
