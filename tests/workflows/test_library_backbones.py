"""Backbones of libraries from recipe to prediction: trained, stored, found again, refused where wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from kinema.datasets import load_dataset
from kinema.errors import UsageError
from kinema.features.sequence_file import read_sequence
from kinema.inference.load import load
from kinema.recipe import load_recipe
from kinema.resources import Resources
from kinema.workflows.train import train
from support.hub import point_client_to

RGB = {"input": "rgb", "sampling": {"kind": "uniform", "frames": 3}, "backbone": "", "weights": "published"}
RECIPE = {
    "name": "small",
    "streams": {"rgb": RGB},
    "temporal": {"kind": "gru", "units": 4},
    "training": {"epochs": 1},
}


def timm_file(folder: Path, seed: int) -> None:
    import timm

    torch.manual_seed(seed)
    save_file(timm.create_model("test_resnet").state_dict(), folder / "test_resnet.r160_in1k.safetensors")


@pytest.fixture
def nobody_is_asked(monkeypatch, tmp_path):
    point_client_to(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache")


def test_a_run_keeps_to_its_weights(tiny_videos, tmp_path, nobody_is_asked):
    folder = tmp_path / "weights"
    folder.mkdir()
    timm_file(folder, seed=0)
    resources = Resources(
        weights=folder, features=tmp_path / "features", workers=1, device="cpu", offline=True
    )
    backbone = "streams.rgb.backbone=timm/test_resnet.r160_in1k"
    result = train(
        tiny_videos, recipe=RECIPE, overrides=[backbone], out=tmp_path / "run", resources=resources
    )
    run = load(result.run, Resources(device="cpu", offline=True))  # the run remembers where its file lies
    record = load_dataset(tiny_videos).records[0]
    found = run.features(record)["rgb"].data
    stored = [read_sequence(path).data for path in (tmp_path / "features").rglob("*.safetensors")]
    assert any(np.array_equal(found, one) for one in stored)  # prediction is what training stored, to the bit
    timm_file(folder, seed=1)
    with pytest.raises(
        UsageError, match=r"the weights of timm/test_resnet.r160_in1k are not those of the run"
    ):
        load(result.run, resources)


def test_a_model_of_a_folder_of_ones_own(tiny_videos, tmp_path, nobody_is_asked):
    """Neither on the hub nor in the catalogue: its configuration lies where its weights would."""
    pytest.importorskip("transformers", reason="pip install 'kinema[transformers]'")
    own = tmp_path / "weights" / "me" / "mine"
    own.mkdir(parents=True)
    config = {"model_type": "videomae", "hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    config |= {"intermediate_size": 24, "image_size": 32, "num_frames": 4}
    processor = {"image_processor_type": "VideoMAEImageProcessor", "size": {"shortest_edge": 32}}
    processor |= {"crop_size": {"height": 32, "width": 32}}
    (own / "config.json").write_text(json.dumps(config))
    (own / "preprocessor_config.json").write_text(json.dumps(processor))
    overrides = ["streams.rgb.backbone=transformers/me/mine", "streams.rgb.weights=none"]
    overrides += ["streams.rgb.sampling={kind: segments, length: 4}"]
    resources = Resources(
        weights=tmp_path / "weights", features=tmp_path / "features", workers=1, device="cpu", offline=True
    )
    result = train(tiny_videos, recipe=RECIPE, overrides=overrides, out=tmp_path / "run", resources=resources)
    assert load(result.run, resources).streams["rgb"].dim == 24


@pytest.mark.parametrize(
    ("recipe", "overrides", "dim"),
    [
        ("lite", ["streams.rgb.backbone=timm/mobilenetv4_conv_small.e2400_r224_in1k"], 1280),
        pytest.param(
            RECIPE,
            ["streams.rgb.backbone=torchvision/r3d_18", "streams.rgb.sampling={kind: segments, length: 4}"],
            512,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["timm", "torchvision"],
)
def test_one_name_from_recipe_to_prediction(recipe, overrides, dim, tiny_videos, tmp_path, nobody_is_asked):
    resources = Resources(weights="none", features=tmp_path / "features", workers=1, device="cpu")
    result = train(tiny_videos, recipe=recipe, overrides=overrides, out=tmp_path / "run", resources=resources)
    run = load(result.run, Resources(device="cpu", offline=True))
    assert run.streams["rgb"].dim == dim
    assert run.predict(load_dataset(tiny_videos).records[0]).label in run.labels


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["torchvision/s3d", "torchvision/r2plus1d_18"])
def test_i3d_gru_runs_with_another_video_model(backbone, tiny_videos, tmp_path, nobody_is_asked):
    """By one setting, flow stream and all."""
    resources = Resources(weights="none", features=tmp_path / "features", workers=1, device="cpu")
    overrides = [f"streams.rgb.backbone={backbone}", "training.epochs=1"]
    result = train(
        tiny_videos, recipe="i3d-gru", overrides=overrides, out=tmp_path / "run", resources=resources
    )
    run = load(result.run, Resources(device="cpu", offline=True))
    assert set(run.streams) == {"rgb", "flow"}
    assert run.predict(load_dataset(tiny_videos).records[0]).scores.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("backbone", "length", "message"),
    [
        ("torchvision/mvit_v2_s", 20, "takes clips of 16 frames, not of 20; set `sampling.length` to 16"),
        ("torchvision/s3d", 10, "takes clips of at least 14 frames, not of 10; set `sampling.length` to 16"),
        (
            "transformers/facebook/vjepa2-vitl-fpc64-256",
            15,
            "takes clips of at least 2 frames and a multiple of 2 frames, not of 15",
        ),
    ],
)
def test_lengths_that_a_model_does_not_take_are_refused(backbone, length, message, nobody_is_asked):
    changes = [f"streams.rgb.backbone={backbone}", f"streams.rgb.sampling.length={length}"]
    with pytest.raises(UsageError, match=message):
        load_recipe("i3d-gru", changes)


@pytest.mark.parametrize("backbone", ["torchvision/s3d", "torchvision/r2plus1d_18"])
def test_video_models_take_the_place_of_i3d_alone(backbone):
    recipe = load_recipe("i3d-gru", [f"streams.rgb.backbone={backbone}"])
    assert recipe.streams["rgb"].views[0].kind == "clip"


def test_an_image_model_where_clips_are_sampled_is_refused():
    with pytest.raises(
        UsageError, match=r"timm/resnet18.a1_in1k takes frame input, which these settings do not"
    ):
        load_recipe("i3d-gru", ["streams.rgb.backbone=timm/resnet18.a1_in1k"])


def test_the_preprocessing_is_part_of_the_fingerprint():
    streams = [
        load_recipe("lite", [f"streams.rgb.backbone={name}"]).streams["rgb"].settings()
        for name in ("torchvision/resnet50", "torchvision/resnet50.IMAGENET1K_V1", "mobilenet_v2")
    ]
    assert streams[0]["views"][0]["preprocessing"]["resize"] == 232
    assert streams[1]["views"][0]["preprocessing"]["resize"] == 256
    assert set(streams[2]["views"][0]) == {
        "kind",
        "size",
        "crop",
    }  # as before: stored features are found again
