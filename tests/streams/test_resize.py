"""The compiled resize against Pillow's: not one grey level apart."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kinema.streams.resize import bilinear
from kinema.streams.resize_kernels import resized

SIDES = st.integers(1, 90)


def by_pillow(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(frame).resize(size[::-1], Image.Resampling.BILINEAR))


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height + 1000 * width).integers(0, 256, (height, width, 3)).astype(np.uint8)


@given(SIDES, SIDES, SIDES, SIDES)
@settings(max_examples=100, deadline=None)
def test_any_size_to_any_size(height: int, width: int, new_height: int, new_width: int):
    """By the kernels, which a test process has loaded, or by Pillow where it begins with the columns."""
    frame = noise(height, width)
    size = new_height, new_width
    np.testing.assert_array_equal(bilinear(frame, size), by_pillow(frame, size))


@pytest.mark.parametrize("shape", [(240, 320), (240, 240), (720, 1280), (8, 3000)])
@pytest.mark.parametrize("size", [(224, 224), (256, 341), (299, 299)])
def test_the_sizes_of_video(shape: tuple[int, int], size: tuple[int, int]):
    frame = noise(*shape)
    np.testing.assert_array_equal(resized(frame, size), by_pillow(frame, size))


def test_a_part_of_a_frame_that_is_not_contiguous():
    frame = noise(240, 320)
    part = frame[:, 40:280]
    np.testing.assert_array_equal(resized(part, (224, 224)), by_pillow(part.copy(), (224, 224)))


SWITCH = """
import sys
import numpy as np
from kinema.streams import resize
frame = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
found = [resize.bilinear(frame, (20, 20)) for _ in range(resize.PAYS_AFTER)]
assert "numba" not in sys.modules
found += [resize.bilinear(frame, (20, 20)) for _ in range(3)]
assert "numba" in sys.modules
assert all((picture == found[0]).all() for picture in found)
"""


def test_the_kernels_come_when_they_pay_and_change_nothing():
    subprocess.run([sys.executable, "-c", SWITCH], check=True)
