"""TV-L1 against OpenCV's own, and on motions whose field is known."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest

from kinema.errors import UsageError
from kinema.flow.methods import load_method
from kinema.flow.tvl1_kernels import LANES, _median, resized
from kinema.flow.tvl1_options import Tvl1Options, grey
from kinema.media.reader import VideoReader
from support.whole_flow import tvl1

SETTERS = {
    "tau": "setTau",
    "lambda_": "setLambda",
    "theta": "setTheta",
    "nscales": "setScalesNumber",
    "warps": "setWarpingsNumber",
    "epsilon": "setEpsilon",
    "inner_iterations": "setInnerIterations",
    "outer_iterations": "setOuterIterations",
    "scale_step": "setScaleStep",
    "median_filtering": "setMedianFiltering",
}


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height, width), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def moving(height: int, width: int, dx: float, dy: float, seed: int = 0) -> np.ndarray:
    """Two frames; the second is the first moved by (dx, dy) pixels."""
    first = texture(height, width, seed)
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    second = cv2.warpAffine(
        first, move, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.stack([first, second])


def by_opencv(frames: np.ndarray, **options: float) -> np.ndarray:
    cv2.ocl.setUseOpenCL(False)
    method = cv2.optflow.DualTVL1OpticalFlow_create()
    for name, value in options.items():
        getattr(method, SETTERS[name])(value)
    fields = [method.calc(a, b, None) for a, b in pairwise(frames)]
    return np.stack(fields).transpose(0, 3, 1, 2)


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.hypot(a[:, 0] - b[:, 0], a[:, 1] - b[:, 1])


@pytest.mark.parametrize(
    "clip",
    [
        "v_BasketballDunk_g03_c05",
        "v_HorseRace_g11_c07",
        "v_PlayingPiano_g02_c03",
        "v_PlayingViolin_g09_c03",
        "v_Surfing_g10_c06",
    ],
)
def test_agrees_with_opencv_on_real_clips(ucf_clips, clip):
    with VideoReader(next(ucf_clips.rglob(f"{clip}.avi"))) as reader:
        frames = np.stack([f.data for f in reader.read(lambda i, _: i < 3, pixel_format="gray8")])
    apart = distance(tvl1(frames), by_opencv(frames))
    assert apart.mean() <= 0.01
    assert np.percentile(apart, 99) <= 0.1


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"nscales": 1},
        {"nscales": 3, "scale_step": 0.5},
        {"warps": 1},
        {"median_filtering": 3},
        {"median_filtering": 1},
        {"lambda_": 0.05},
        # All iterations: near epsilon, rounding that differs by processor may stop one of the two earlier.
        {"tau": 0.125, "theta": 0.5, "epsilon": 0.0},
        {"epsilon": 0.001, "inner_iterations": 10, "outer_iterations": 3},
    ],
    ids=str,
)
def test_options_mean_what_they_mean_in_opencv(options):
    frames = moving(70, 101, 1.6, -0.7)
    # Two warps: where pixels leave the frame, each further one multiplies the rounding of the one before.
    options = {"warps": 2} | options
    theirs = by_opencv(frames, **options)
    assert distance(tvl1(frames, **options), theirs).mean() < 1e-3
    assert distance(tvl1(frames, warps=2), theirs).mean() > 1e-3 or set(options) == {"warps"}


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 40), (33, 16), (48, 64), (61, 67)])
def test_any_size_agrees_with_opencv(height, width):
    frames = moving(height, width, 0.8, 0.5, seed=height)
    assert distance(tvl1(frames, warps=2), by_opencv(frames, warps=2)).mean() < 1e-3


@pytest.mark.parametrize(("dx", "dy"), [(3.0, 0.0), (0.0, -2.0), (-1.5, 2.5), (0.4, 0.3)])
def test_finds_a_known_motion(dx, dy):
    field = tvl1(moving(96, 128, dx, dy))[0]
    assert field.shape == (2, 96, 128)
    assert field.dtype == np.float32
    inner = field[:, 12:-12, 12:-12]
    assert np.median(inner[0]) == pytest.approx(dx, abs=0.1)
    assert np.median(inner[1]) == pytest.approx(dy, abs=0.1)


def test_constant_and_tiny_frames_give_zero_fields():
    assert not tvl1(np.full((3, 40, 50), 90, np.uint8)).any()
    assert not tvl1(np.stack([texture(40, 50)] * 2)).any()
    for size in ((1, 1), (1, 30), (2, 3), (5, 5)):
        field = tvl1(np.full((2, *size), 7, np.uint8))
        assert field.shape == (1, 2, *size)
        assert not field.any()
    assert np.isfinite(tvl1(np.random.default_rng(0).integers(0, 256, (2, 3, 5), np.uint8))).all()


def test_extremes_stay_finite():
    black_to_white = np.stack([np.zeros((40, 50), np.uint8), np.full((40, 50), 255, np.uint8)])
    noise = np.random.default_rng(1).integers(0, 2, (3, 41, 51), np.uint8) * 255
    assert np.isfinite(tvl1(black_to_white)).all()
    assert np.isfinite(tvl1(noise)).all()


def test_result_does_not_depend_on_threads():
    frames = np.concatenate([moving(50, 60, 1, 0, seed) for seed in range(3)])
    single = tvl1(frames)
    for threads in (1, 2, 5):
        assert np.array_equal(single, np.stack(list(load_method("tvl1", threads=threads).fields(frames))))
    # Memory is reused between sizes: what a larger frame left must not show.
    tvl1(moving(90, 110, 2, 2))
    assert np.array_equal(single, tvl1(frames))


def test_colour_is_made_grey_as_opencv_does():
    rgb = np.random.default_rng(0).integers(0, 256, (2, 64, 80, 3), np.uint8)
    expected = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb])
    assert np.array_equal(grey(rgb), expected)
    assert np.array_equal(tvl1(rgb), tvl1(expected))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"median_filtering": 7}, r"give 1 \(off\), 3 or 5"),
        ({"scale_step": 1.0}, "between 0 and 1"),
        ({"warps": 0}, "give 1 or more"),
        ({"tau": 0}, "above 0"),
        ({"epsilon": -1}, "give 0 or more"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        load_method("tvl1", **options)


def test_a_size_that_changes_is_refused():
    with pytest.raises(UsageError, match="resize the frames to one size"):
        list(load_method("tvl1").fields([np.zeros((20, 30), np.uint8), np.zeros((20, 31), np.uint8)]))


def test_stream_holds_few_frames():
    drawn, frame = [], texture(20, 24)

    def frames():
        for t in range(50):
            drawn.append(t)
            yield frame

    for done, _ in enumerate(load_method("tvl1", threads=2).fields(frames()), start=1):
        assert len(drawn) <= done + 5
    assert done == 49


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize(("height", "width"), [(2, 2), (9, 16), (13, 31), (20, 33), (30, 48)])
def test_median_network_against_opencv(side, height, width):
    image = np.random.default_rng(width).standard_normal((height, width)).astype(np.float32)
    image[height // 2 :] = np.round(image[height // 2 :])  # ties too
    stride = -(-width // LANES) * LANES + LANES
    plane, out = (np.zeros((height + 2) * stride + LANES, np.float32) for _ in range(2))
    rows = plane[: (height + 2) * stride].reshape(-1, stride)
    rows[1:-1, LANES : LANES + width] = image
    _median(plane, out, np.zeros((5, stride + 2 * LANES), np.float32), height, width, stride, side)
    result = out[: (height + 2) * stride].reshape(-1, stride)
    assert np.array_equal(result[1:-1, LANES : LANES + width], cv2.medianBlur(image, side))
    result[1:-1, LANES : LANES + width] = 0
    assert not result.any()  # the guards are zero again


def test_resize_against_opencv():
    image = np.random.default_rng(0).random((61, 83), np.float32)
    smaller = cv2.resize(image, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_LINEAR)
    assert Tvl1Options().sizes(61, 83)[1] == smaller.shape
    np.testing.assert_allclose(resized(image, *smaller.shape, 1.25, 1.25), smaller, atol=1e-5)
    larger = cv2.resize(smaller, (83, 61), interpolation=cv2.INTER_LINEAR)
    steps = smaller.shape[0] / 61, smaller.shape[1] / 83
    np.testing.assert_allclose(resized(smaller, 61, 83, *steps), larger, atol=1e-5)


def test_works_where_no_cache_can_be_written(tmp_path):
    """In a read-only installation numba finds no place for its cache; kernels compile all the same."""
    code = (
        "import numba.core.caching as c\n"
        "c.CacheImpl._locator_classes = []\n"
        "from kinema.flow.compiling import compiled\n"
        "print(compiled(lambda x: x + 1)(1))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert run.stdout.strip() == "2", run.stderr
