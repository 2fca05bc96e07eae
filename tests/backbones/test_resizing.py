"""Frames resized as tensors, against Pillow on the same frames: to the bit."""

from __future__ import annotations

import numpy as np
import PIL
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.backbones.resizing import at_size
from kinema.backbones.spec import InputSpec
from kinema.media.reader import VideoReader
from kinema.streams.images import fit
from support.interpreted import run_interpreted

sizes = st.tuples(st.integers(1, 160), st.integers(1, 160))
# Pillow 13 began to resize columns first where the height shrinks most: others round in another order there.
SAME_ORDER = int(PIL.__version__.split(".")[0]) >= 13


def noise(number: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (number, *shape, 3), np.uint8)


def by_pillow(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.stack([fit(frame, size, "stretch") for frame in frames])


def resized(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return at_size(torch.from_numpy(frames), InputSpec("frame", size)).numpy()


@pytest.mark.skipif(not SAME_ORDER, reason="another order of rounding in older versions of Pillow")
@settings(max_examples=150, deadline=None)
@given(sizes, sizes)
def test_it_is_pillows_for_any_sizes(old: tuple[int, int], new: tuple[int, int]) -> None:
    np.testing.assert_array_equal(resized(noise(2, *old), new), by_pillow(noise(2, *old), new))


@pytest.mark.parametrize("shape", [(240, 240), (240, 320), (480, 410), (150, 224)])
def test_the_sizes_of_videos(shape: tuple[int, int]) -> None:
    frames = noise(4, *shape)
    frames[0] = np.linspace(0, 255, shape[1])[None, :, None]
    wanted = by_pillow(frames, (224, 224))
    np.testing.assert_array_equal(resized(frames, (224, 224)), wanted)
    clips = at_size(torch.from_numpy(frames.reshape(2, 2, *frames.shape[1:])), InputSpec("clip", (224, 224)))
    np.testing.assert_array_equal(clips.numpy(), wanted.reshape(2, 2, 224, 224, 3))


def test_real_frames(ucf_clips) -> None:
    (path, *_) = sorted(ucf_clips.rglob("*.avi"))
    with VideoReader(path) as reader:
        frames = np.stack([frame.data for frame, _ in zip(reader.read(), range(5), strict=False)])
    np.testing.assert_array_equal(resized(frames, (224, 224)), by_pillow(frames, (224, 224)))


@pytest.mark.parametrize(
    "view", [InputSpec("frame", (20, 30)), InputSpec("frame"), InputSpec("flow_clip", (9, 9))]
)
def test_what_needs_no_resizing_stays_what_it_is(view: InputSpec) -> None:
    frames = torch.zeros(2, 20, 30, 3)
    assert at_size(frames, view) is frames


def test_the_kernel_of_a_gpu_does_the_same() -> None:
    run_interpreted(KERNEL)


KERNEL = """
import torch
from kinema.backbones.resizing import at_size, taps
from kinema.backbones.resizing_triton import resized
from kinema.backbones.spec import InputSpec

torch.manual_seed(0)
cpu = torch.device("cpu")
for old, new, across in (
    ((20, 120), (14, 100), True), ((30, 12), (9, 14), False), ((7, 5), (16, 11), True), ((9, 8), (9, 3), True)
):
    frames = torch.randint(0, 256, (3, *old, 3), dtype=torch.uint8)
    rows, columns = (taps(o, n, cpu) for o, n in zip(old, new))
    found = resized(frames, rows, columns, across_first=across)
    torch.testing.assert_close(found, at_size(frames, InputSpec("frame", new)), rtol=0, atol=0)
"""
