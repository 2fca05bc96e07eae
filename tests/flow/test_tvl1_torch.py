"""The torch version against the numba one, on the processor."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kinema.errors import UsageError
from kinema.flow.methods import load_method
from kinema.flow.tvl1_options import Tvl1Options
from kinema.flow.tvl1_torch import tvl1_torch
from support.interpreted import run_interpreted
from support.whole_flow import tvl1


def drifting(count: int, height: int = 44, width: int = 61) -> np.ndarray:
    noise = np.random.default_rng(3).random((height, width), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    first = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    return np.stack([np.roll(first, (t * t, 2 * t), (0, 1)) for t in range(count)])


def by_torch(frames: np.ndarray, **options: float) -> np.ndarray:
    return tvl1_torch(frames, Tvl1Options(**options), "cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{}, {"median_filtering": 3, "warps": 2}, {"nscales": 2, "epsilon": 0.02}]
)
def test_agrees_with_numba(options):
    frames = drifting(4)
    ours, theirs = by_torch(frames, **options), tvl1(frames, **options)
    apart = np.hypot(*(ours - theirs).transpose(1, 0, 2, 3))
    assert np.hypot(theirs[:, 0], theirs[:, 1]).mean() > 1
    assert apart.mean() < 1e-2
    assert np.percentile(apart, 99) < 0.1


def test_agrees_with_numba_on_a_real_clip(ucf_clips):
    from kinema.media.reader import VideoReader

    with VideoReader(next(ucf_clips.rglob("v_BasketballDunk_g03_c05.avi"))) as reader:
        frames = np.stack([f.data[::2, ::2] for f in reader.read(lambda i, _: i < 3, pixel_format="gray8")])
    apart = np.hypot(*(by_torch(frames, warps=3) - tvl1(frames, warps=3)).transpose(1, 0, 2, 3))
    assert apart.mean() < 1e-2


def test_pairs_do_not_depend_on_their_batch(monkeypatch):
    frames, options = drifting(5), {"warps": 2, "nscales": 2, "inner_iterations": 10}
    together = by_torch(frames, **options)
    assert together.dtype == np.float32
    parts = [by_torch(frames[:3], **options), by_torch(frames[2:], **options)]
    np.testing.assert_allclose(np.concatenate(parts), together, atol=1e-3, rtol=0)
    monkeypatch.setattr("kinema.flow.tvl1_torch.BATCH", 3)
    streamed = np.stack(list(load_method("tvl1", device="cpu:0", **options).fields(iter(frames))))
    apart = np.hypot(*(streamed - together).transpose(1, 0, 2, 3))
    assert apart.mean() < 1e-3


def test_one_frame_and_changing_size():
    method = load_method("tvl1", device="cpu:0")
    assert list(method.fields(np.zeros((1, 20, 30), np.uint8))) == []
    with pytest.raises(UsageError, match="frame size changes"):
        list(method.fields([np.zeros((20, 30 + t), np.uint8) for t in range(2)]))


def test_constant_frames_give_zero():
    assert not by_torch(np.full((2, 30, 40, 3), 90, np.uint8)).any()


def test_the_kernels_of_a_gpu_agree_with_torch():
    run_interpreted(KERNELS)


KERNELS = """
import torch
from kinema.flow.tvl1_options import Tvl1Options
from kinema.flow.tvl1_torch import DataTerm, _Iterations
from kinema.flow.tvl1_triton import started

torch.manual_seed(0)
for side, epsilon in ((5, 0.0), (3, 0.0), (1, 0.3)):
    more = 1 + (side == 1)
    options = Tvl1Options(inner_iterations=2, outer_iterations=more, median_filtering=side, epsilon=epsilon)
    u, gradient = torch.randn(2, 2, 9, 11), torch.randn(2, 2, 9, 11)
    gradient[1] *= 0.05  # this pair comes to rest, and first
    term = DataTerm(gradient, torch.randn(2, 9, 11), 1 / gradient.square().sum(1))
    ours, theirs = started(u, options), _Iterations(u, options)
    for _ in range(more):  # the dual variables are carried over
        found, expected = ours(u, term), theirs(u, term)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert (found - u).abs().max() > 0.1
        u = expected
"""
