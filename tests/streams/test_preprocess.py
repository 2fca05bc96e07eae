"""Frames as timm's, torchvision's and transformers' own transforms would hand them to their models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data.transforms_factory import transforms_imagenet_eval
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification, VideoClassification

from kinema.backbones.spec import InputSpec, Preprocessing
from kinema.streams.images import fit
from kinema.streams.preprocess import fit_view, preprocess

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SHAPES = [(240, 320), (320, 240), (361, 483), (64, 48), (224, 224), (100, 390)]


def picture(height: int, width: int) -> np.ndarray:
    """Smooth, with noise: what a camera sees."""
    random = np.random.default_rng(height * 1000 + width)
    coarse = Image.fromarray(random.integers(0, 255, (9, 12, 3)).astype(np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.float64)
    return np.clip(smooth + random.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


def as_pixels(normalised: torch.Tensor) -> np.ndarray:
    """[3, H, W], normalised -> 0..255 [H, W, 3]."""
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return ((normalised * std + mean) * 255).round().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("size", "crop_pct", "mode", "interpolation"),
    [
        (224, 0.875, "center", "bicubic"),
        (256, 0.95, "center", "bicubic"),
        (160, 1.0, "squash", "bilinear"),
        (224, 0.9, "squash", "bicubic"),
        (196, 1.0, "border", "bicubic"),
    ],
)
def test_timms_evaluation_transform_to_the_bit(shape, size, crop_pct, mode, interpolation):
    frame = picture(*shape)
    transform = transforms_imagenet_eval(size, crop_pct, mode, None, interpolation, MEAN, STD)
    expected = as_pixels(transform(Image.fromarray(frame)))
    scaled = int(np.floor(size / crop_pct))
    how = Preprocessing(
        (scaled, scaled) if mode == "squash" else scaled, MEAN, STD, interpolation, pad=mode == "border"
    )
    assert np.array_equal(preprocess(frame, (size, size), how), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_torchvisions_image_transform_to_the_bit(shape):
    frame = picture(*shape)
    transform = ImageClassification(
        crop_size=224, resize_size=232, mean=MEAN, std=STD, interpolation=InterpolationMode.BILINEAR
    )
    expected = as_pixels(transform(Image.fromarray(frame)))
    assert np.array_equal(preprocess(frame, (224, 224), Preprocessing(232, MEAN, STD)), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("crop", "resize"), [(112, (128, 171)), (224, (256,)), (224, (256, 256))])
def test_torchvisions_video_transform_to_a_grey_level(shape, crop, resize):
    """It takes points of the frame, without anti-aliasing."""
    frame = picture(*shape)
    transform = VideoClassification(crop_size=(crop, crop), resize_size=resize, mean=MEAN, std=STD)
    video = torch.from_numpy(frame).permute(2, 0, 1)[None]
    expected = as_pixels(transform(video)[:, 0])
    how = Preprocessing(resize if len(resize) == 2 else resize[0], MEAN, STD, antialias=False)
    found = preprocess(frame, (crop, crop), how)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_long_picture_is_bounded_and_keeps_its_middle():
    frame = np.zeros((40, 4000, 3), np.uint8)
    frame[:, 1990:2010] = 255
    found = preprocess(frame, (100, 100), Preprocessing(100, MEAN, STD))
    assert found.shape == (100, 100, 3)
    assert found[50, 50].tolist() == [255, 255, 255]


def test_a_recipes_crop_replaces_the_librarys_way():
    frame, how = picture(240, 320), Preprocessing(256, MEAN, STD, "bicubic")
    spec = InputSpec("frame", size=(224, 224), preprocessing=how)
    own, theirs = replace(spec, crop="stretch", own_crop=True), spec
    assert np.array_equal(fit_view(frame, own), fit(frame, (224, 224), "stretch"))
    assert np.array_equal(fit_view(frame, theirs), preprocess(frame, (224, 224), how))
    assert own.describe() != theirs.describe()
    assert InputSpec("frame", (224, 224), "center").describe() == {
        "kind": "frame", "size": (224, 224), "crop": "center"
    }  # as before there were any: features of the papers' backbones are found again  # fmt: skip
