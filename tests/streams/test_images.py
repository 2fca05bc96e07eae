"""Frames to backbone size against torchvision and OpenCV, and augmentation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as tv

from kinema.streams.augment import Augment, Augmenter
from kinema.streams.images import fit, fit_flow, middle

SHAPES = [(240, 320), (320, 240), (360, 480), (500, 334), (64, 48), (1080, 1920)]


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth, with noise: what a camera sees."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 255, (12, 16, 3)).astype(np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + random.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


def by_torchvision(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    tensor = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)
    return tv.resize(tensor, list(size), antialias=True).permute(1, 2, 0).numpy()


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(a.astype(int) - b.astype(int))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(224, 224), (299, 299), (180, 240)])
def test_stretch_is_torchvisions_resize(shape: tuple[int, int], size: tuple[int, int]):
    frame = picture(*shape)
    fitted = fit(frame, size, "stretch")
    assert fitted.shape == (*size, 3)
    assert fitted.dtype == np.uint8
    assert difference(fitted, by_torchvision(frame, size)).max() <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_center_cuts_the_middle_square_and_then_resizes(shape: tuple[int, int]):
    frame = picture(*shape)
    side = min(shape)
    square = tv.center_crop(torch.from_numpy(frame).permute(2, 0, 1), [side, side]).permute(1, 2, 0).numpy()
    fitted = fit(frame, (224, 224), "center")
    assert difference(fitted, by_torchvision(square, (224, 224))).max() <= 1


@pytest.mark.parametrize("size", [(480, 640), (300, 401)])
def test_enlarging_is_opencvs_bilinear(size: tuple[int, int]):
    frame = picture(240, 320)
    expected = cv2.resize(frame, size[::-1], interpolation=cv2.INTER_LINEAR)
    assert difference(fit(frame, size, "stretch"), expected).max() <= 1


def test_hand_made_cases():
    # Left third red, middle third green, right third blue; the square in the middle is green.
    frame = np.zeros((40, 120, 3), np.uint8)
    for third in range(3):
        frame[:, 40 * third : 40 * third + 40, third] = 200
    assert (fit(frame, (20, 20), "center") == [0, 200, 0]).all()
    stretched = fit(frame, (20, 30), "stretch")
    assert [stretched[10, x].tolist() for x in (4, 15, 25)] == [[200, 0, 0], [0, 200, 0], [0, 0, 200]]
    # Standing: the middle counts from above too.
    assert (fit(frame.transpose(1, 0, 2).copy(), (20, 20), "center") == [0, 200, 0]).all()
    # The largest part of the wanted shape, not of a square.
    assert (fit(frame, (20, 60), "center") == fit(frame, (20, 60), "stretch")).all()
    wide = fit(frame, (20, 40), "center")
    assert [wide[10, x].tolist() for x in (2, 20, 37)] == [[200, 0, 0], [0, 200, 0], [0, 0, 200]]


def test_a_frame_of_the_right_size_is_left_alone():
    frame = picture(224, 224)
    for crop in ("center", "stretch"):
        assert (fit(frame, (224, 224), crop) == frame).all()


def test_luma_frames_stay_luma():
    frame = picture(240, 320)[..., 0].copy()
    fitted = fit(frame, (112, 112), "stretch")
    assert fitted.shape == (112, 112)
    assert difference(fitted, by_torchvision(np.stack([frame] * 3, 2), (112, 112))[..., 0]).max() <= 1


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    crop=st.sampled_from(["center", "stretch"]),
)
def test_any_size_goes_in_and_the_wanted_one_comes_out(height, width, size, crop):
    fitted = fit(np.full((height, width, 3), 77, np.uint8), size, crop)
    assert fitted.shape == (*size, 3)
    assert (fitted == 77).all()


ALL = Augment(rotate=5, crop="random", flip=0.5, copies=3)


def test_a_version_is_the_same_in_every_run_and_for_every_frame():
    frames = [picture(60, 80, seed) for seed in range(3)]
    one, again = Augmenter(ALL, "key", 1), Augmenter(ALL, "key", 1)
    for frame in frames:
        np.testing.assert_array_equal(one(frame), again(frame))
    # One frame changes nothing for the next.
    np.testing.assert_array_equal(one(frames[0]), again(frames[0]))


def test_versions_and_videos_differ():
    made = {
        (a.angle, a.flip, *a.offset) for a in (Augmenter(ALL, k, v) for k in ("a", "b") for v in range(1, 4))
    }
    assert len(made) == 6


def test_choices_are_spread_as_asked():
    many = [Augmenter(ALL, f"{i}", 1) for i in range(2000)]
    angles = np.array([a.angle for a in many])
    assert angles.min() >= 0
    assert angles.max() <= 5
    assert abs(angles.mean() - 2.5) < 0.15
    assert abs(np.mean([a.flip for a in many]) - 0.5) < 0.05
    assert abs(np.mean([a.offset for a in many]) - 0.5) < 0.03
    rare = [Augmenter(Augment(flip=0.1), f"{i}", 1).flip for i in range(2000)]
    assert abs(np.mean(rare) - 0.1) < 0.03


@pytest.mark.parametrize(("flip", "expected"), [(0.0, False), (1.0, True)])
def test_flip_alone_mirrors(flip: float, expected: bool):
    frame = picture(30, 40)
    for i in range(20):
        out = Augmenter(Augment(flip=flip), f"{i}", 1)(frame)
        np.testing.assert_array_equal(out, frame[:, ::-1] if expected else frame)


def test_crop_alone_cuts_a_window_anywhere():
    rows, columns = np.mgrid[:64, :80]
    frame = np.stack([rows, columns, rows], axis=2).astype(np.uint8)
    corners = set()
    for i in range(300):
        out = Augmenter(Augment(crop="random"), f"{i}", 1)(frame)
        assert out.shape == (56, 70, 3)
        top, left = (int(v) for v in out[0, 0, :2])
        np.testing.assert_array_equal(out, frame[top : top + 56, left : left + 70])
        corners.add((top, left))
    assert {top for top, _ in corners} == set(range(9))
    assert {left for _, left in corners} == set(range(11))


def test_a_resized_crop_keeps_the_area_and_aspect_that_are_asked_for():
    rows, columns = np.mgrid[:240, :240]
    frame = np.stack([rows, columns, rows], axis=2).astype(np.uint8)
    areas, aspects, corners = [], [], set()
    for i in range(500):
        out = Augmenter(Augment(crop="resized", area=0.4), f"{i}", 1)(frame)
        height, width = out.shape[:2]
        top, left = (int(v) for v in out[0, 0, :2])
        np.testing.assert_array_equal(out, frame[top : top + height, left : left + width])
        areas.append(height * width / 240**2)
        aspects.append(width / height)
        corners.add((top, left))
    assert 0.39 < min(areas) < 0.45
    assert 0.9 < max(areas) <= 1
    assert 0.74 < min(aspects) < 0.8
    assert 1.25 < max(aspects) < 1.35
    assert len(corners) > 300


def test_colour_changes_brightness_contrast_and_saturation_alike_in_every_frame():
    """A grey frame keeps its grey, brighter or darker by at most the strength; colours keep their hue."""
    grey, red = np.full((8, 8, 3), 100, np.uint8), np.tile(np.uint8([150, 100, 100]), (8, 8, 1))
    levels = []
    for i in range(200):
        augmenter = Augmenter(Augment(colour=0.4), f"{i}", 1)
        out = augmenter(grey)
        assert len(np.unique(out)) == 1
        levels.append(int(out[0, 0, 0]))
        r, g, b = augmenter(red)[0, 0].astype(int)
        assert r > g
        assert abs(g - b) <= 1
    assert 60 <= min(levels) < 65
    assert 135 < max(levels) <= 140
    np.testing.assert_array_equal(Augmenter(Augment(), "k", 1)(red), red)


def test_rotation_agrees_with_opencv():
    frame = picture(120, 160)
    augmenter = Augmenter(Augment(rotate=5), "some key", 1)
    assert 0.5 < augmenter.angle < 5
    matrix = cv2.getRotationMatrix2D(((160 - 1) / 2, (120 - 1) / 2), augmenter.angle, 1.0)
    expected = cv2.warpAffine(frame, matrix, (160, 120), flags=cv2.INTER_LINEAR)
    inner = (slice(15, -15), slice(15, -15))
    assert difference(augmenter(frame)[inner], expected[inner]).mean() < 1.5


@pytest.mark.parametrize("shape", [(240, 320), (320, 240), (256, 256), (1080, 1920), (224, 224)])
def test_flow_is_computed_with_the_short_side_at_256(shape):
    """As I3D's authors do: short side 256, 224 x 224 out of the middle."""
    frame = picture(*shape)
    fitted = fit_flow(frame, (224, 224), "center")
    scale = 256 / min(shape)
    assert fitted.shape[:2] == tuple(round(side * scale) for side in shape)
    assert middle(np.zeros((2, *fitted.shape[:2])), (224, 224)).shape == (2, 224, 224)


@pytest.mark.parametrize(
    "shape", [(240, 320), (320, 240), (300, 300), (16, 4096), (4096, 16), (1, 50), (7, 1)]
)
@pytest.mark.parametrize("size", [(240, 320), (224, 224), (80, 80)])
def test_flow_of_any_shape_covers_the_wanted_size_in_bounded_memory(shape, size):
    fitted = fit_flow(picture(*shape), size, "center")
    assert all(have >= want * 8 / 7 - 1 for have, want in zip(fitted.shape, size, strict=False))
    # Four times the wanted aspect at the most, and the margin on both sides.
    assert fitted.shape[0] * fitted.shape[1] <= 4.2 * (8 / 7) ** 2 * size[0] * size[1]
    assert middle(np.zeros((2, *fitted.shape[:2])), size).shape == (2, *size)
