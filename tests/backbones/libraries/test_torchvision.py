"""torchvision's models, published files and all, against torchvision's own classifiers on the same input."""

from __future__ import annotations

import dataclasses
import hashlib
import io

import pytest
import torch
import torchvision
from torch import nn
from torchvision.transforms.functional import normalize

from kinema.backbones.libraries import torchvision as library
from kinema.backbones.load import load_backbone
from kinema.backbones.table import _library_entry, backbone_spec
from kinema.errors import UsageError, WeightsError
from support.hub import serving

# (model, frames of a clip, clips or frames in a batch); lengths are odd where the model takes any.
CLIPS = [("r3d_18", 5, 2), ("mc3_18", 3, 1), ("r2plus1d_18", 7, 1), ("s3d", 15, 1), ("swin3d_t", 3, 1)]
CLIPS += [pytest.param(name, 16, 1, marks=pytest.mark.slow) for name in ("mvit_v1_b", "mvit_v2_s")]
FRAMES = [("resnet18", None, 3), ("mobilenet_v3_small", None, 2), ("convnext_tiny", None, 1)]
# What these give fades to nothing before they are trained.
FADING = ("s3d", "mobilenet_v3_small", "densenet121", "googlenet")
FRAMES += [("densenet121", None, 1), ("googlenet", None, 2)]


def classifier_of(net: nn.Module) -> nn.Module:
    """The last linear layer, or the convolution that serves as one."""
    return [part for part in net.modules() if isinstance(part, nn.Linear | nn.Conv3d)][-1]


def take_statistics(net: nn.Module, given: torch.Tensor) -> None:
    """Batch norms take theirs from the input, as after training."""
    for part in net.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.momentum = 1.0
            part.train()
    with torch.no_grad():
        net(given)
    net.eval()


def old_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """DenseNet's values as they are published, by names with one more dot."""
    return {
        k.replace("norm1.", "norm.1.").replace("norm2.", "norm.2.").replace("conv1.", "conv.1.")
        .replace("conv2.", "conv.2.") if "denselayer" in k else k: v
        for k, v in state.items()
    }  # fmt: skip


@pytest.fixture
def publish(monkeypatch, tmp_path):
    """A model's whole state as a published file on a server; returns the name to load it by."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("KINEMA_WEIGHTS", raising=False)
    files: dict[str, bytes] = {}

    def put(name: str, state: dict[str, torch.Tensor]) -> str:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        file = f"{name}-{hashlib.sha256(buffer.getvalue()).hexdigest()[:8]}.pth"
        files[file] = buffer.getvalue()
        row = library.catalogue(library.LIBRARY)[name]
        changed = dataclasses.replace(row, source=f"{address}/models/resolve/main/{file}")
        monkeypatch.setattr(library, "catalogue", lambda _: {name: changed})
        _library_entry.cache_clear()
        return f"torchvision/{name}"

    with serving({"models": files}) as (address, _):
        yield put
    _library_entry.cache_clear()


@pytest.mark.parametrize(("name", "length", "count"), CLIPS + FRAMES)
def test_features_are_what_torchvisions_classifier_is_given(name, length, count, publish):
    torch.manual_seed(0)
    options = {"init_weights": True} if name == "googlenet" else {}
    net = torchvision.models.get_model(name, weights=None, **options).eval()
    if name == "googlenet":
        net.transform_input = True  # as it is with published weights
    transforms = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    shape = (count, *((length,) if length else ()), *transforms.crop_size * 2)[: 3 + bool(length)]
    x = torch.randint(0, 256, (*shape, 3), dtype=torch.uint8)
    given = normalize(x.movedim(-1, -3).float() / 255, transforms.mean, transforms.std)
    given = (given.movedim(-3, 1) if length else given).contiguous()
    if name in FADING:
        take_statistics(net, given)
    state = old_names(net.state_dict()) if name.startswith("densenet") else net.state_dict()
    loaded = load_backbone(publish(name, state), weights="published")
    with torch.inference_mode():
        features = loaded.module(x)
        expected = net(given)
        head = classifier_of(net)
        found = (
            head(features[..., None, None, None]).flatten(1)
            if isinstance(head, nn.Conv3d)
            else head(features)
        )
    assert features.shape == (count, loaded.dim)
    assert features.std() > 1e-4
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_a_fixed_number_of_frames(publish):
    spec = backbone_spec("torchvision/mvit_v2_s").input
    assert (spec.length, spec.fixed, spec.lengths()) == (16, True, "16 frames")
    assert [n for n in (1, 8, 16, 20) if spec.takes(n)] == [16]
    assert [n for n in (1, 13, 14, 20) if backbone_spec("torchvision/s3d").input.takes(n)] == [14, 20]


def test_values_of_another_model_are_refused(publish):
    state = torchvision.models.resnet18(weights=None).state_dict()
    state["layer9.weight"] = state.pop("layer1.0.conv1.weight")
    name = publish("resnet18", state)
    with pytest.raises(
        WeightsError, match=r"1 missing \(layer1.0.conv1.weight\); 1 unexpected \(layer9.weight\)"
    ):
        load_backbone(name, weights="published")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchvision/resnet81", r"torchvision has no model 'resnet81'; did you mean torchvision/resnet18"),
        ("torchvision/fcn_resnet50", "a model of segmentation and gives no pooled features"),
        ("torchvision/raft_large", "a model of optical flow and gives no pooled features"),
        (
            "torchvision/resnet50.V9",
            r"no weights of that name for 'resnet50'; choose one of: resnet50, resnet50.IMAGENET1K_V1",
        ),
        (
            "torchvison/resnet18",
            r"unknown library in backbone 'torchvison/resnet18'; did you mean 'torchvision/...'",
        ),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(UsageError, match=message):
        backbone_spec(name)
