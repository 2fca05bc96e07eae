"""Published files under their published names and shapes: loaded whole, or refused.

A file of the real shape takes no room here: every tensor is one number, expanded. The number differs from
tensor to tensor, so that a value in the wrong place shows.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from kinema.backbones import googlenet, inception_resnet_v2, mobilenet_v2, resnet152, vgg16
from kinema.backbones.load import load_backbone
from kinema.errors import WeightsError
from kinema.keys import file_digest
from kinema.weights.read import state_digest


def timm_model(name: str):
    import timm

    return timm.create_model(name)


# What is published: (backbone module, weights, file name, the whole network that its authors load it into).
PUBLISHED = {
    "vgg16": (vgg16, "imagenet", "vgg16-397923af.pth", torchvision.models.vgg16),
    "googlenet": (
        googlenet,
        "imagenet",
        "googlenet-1378be20.pth",
        functools.partial(torchvision.models.googlenet, aux_logits=True, init_weights=False),
    ),
    "resnet152": (resnet152, "imagenet", "resnet152-394f9c45.pth", torchvision.models.resnet152),
    "resnet152 v2": (resnet152, "imagenet_v2", "resnet152-f82ba261.pth", torchvision.models.resnet152),
    "inception_resnet_v2": (
        inception_resnet_v2,
        "imagenet",
        "inception_resnet_v2-940b1cd6.pth",
        functools.partial(timm_model, "inception_resnet_v2"),
    ),
    "mobilenet_v2": (
        mobilenet_v2,
        "imagenet",
        "mobilenetv2_100_ra-b33bc2c4.pth",
        functools.partial(timm_model, "mobilenetv2_100"),
    ),
}


def published_state(make) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in make().state_dict().items() if not k.endswith("num_batches_tracked")}
    return {
        k: torch.tensor(1 + i / 1000).expand(shape) for i, (k, shape) in enumerate(sorted(shapes.items()))
    }


def publish(monkeypatch, module, weights: str, path: Path, url: str | None = None) -> None:
    """Let `path` be the published file: its digest in place of the real one, and its address."""
    spec = module.SPEC
    files = [
        dataclasses.replace(f, sha256=file_digest(path)[:8], url=url or f.url) if path.name in f.files else f
        for f in spec.weights[weights]
    ]
    changed = dataclasses.replace(spec, weights={**spec.weights, weights: tuple(files)})
    monkeypatch.setattr(module, "SPEC", changed)


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """An empty torch hub cache, and no other place to look."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("KINEMA_WEIGHTS", raising=False)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.mark.parametrize("case", PUBLISHED)
def test_published_files_load_whole(case, tmp_path, hub, monkeypatch):
    module, weights, file_name, make = PUBLISHED[case]
    state = published_state(make)
    torch.save(state, tmp_path / file_name)
    publish(monkeypatch, module, weights, tmp_path / file_name)
    loaded = load_backbone(module.SPEC.name, weights=weights, folder=tmp_path)
    assert loaded.source == str(tmp_path / file_name)
    own = loaded.module.state_dict()
    for key, value in own.items():
        if not key.endswith("num_batches_tracked"):
            assert torch.equal(value, state[key.removeprefix("net.")]), key
    # What the features do not need is the classifiers, and nothing else.
    left = {key.split(".")[0] for key in state.keys() - {k.removeprefix("net.") for k in own}}
    assert left <= {"classifier", "fc", "classif", "aux1", "aux2"}
    changed = {**own, next(iter(own)): -next(iter(own.values()))}
    variant = module.SPEC.weights[weights][-1].variant
    assert loaded.digest == state_digest(own, variant) != state_digest(changed, variant)


def test_mobilenet_files_bring_their_padding_and_normalisation(tmp_path, hub, monkeypatch):
    state = published_state(PUBLISHED["mobilenet_v2"][3])
    dense = {k: v.contiguous() for k, v in state.items()}
    save_file(dense, tmp_path / "mobilenetv2_100.ra_in1k.safetensors")
    symmetric = load_backbone("mobilenet_v2", folder=tmp_path)
    assert symmetric.module.mean == (0.485, 0.456, 0.406)
    first = tmp_path / "mobilenet_v2_imagenet_timm.safetensors"
    save_file(dense, first)
    publish(monkeypatch, mobilenet_v2, "imagenet", first)
    same = load_backbone("mobilenet_v2", folder=tmp_path)
    assert same.source == str(first)  # preferred where both are there
    assert same.module.mean == pytest.approx((128 / 255,) * 3)
    assert same.digest != symmetric.digest  # the same values, but other features


def test_values_of_another_network_are_named(tmp_path, hub, monkeypatch):
    state = published_state(PUBLISHED["googlenet"][3])
    state["conv1.conv.weight"] = torch.zeros(1, 2)
    for i in range(5):
        state[f"stranger{i}.weight"] = torch.zeros(1)
    del state["inception5b.branch1.bn.bias"]
    torch.save({"state_dict": state}, tmp_path / "googlenet-1378be20.pth")
    publish(monkeypatch, googlenet, "imagenet", tmp_path / "googlenet-1378be20.pth")
    with pytest.raises(WeightsError) as caught:
        load_backbone("googlenet", folder=tmp_path)
    message = str(caught.value)
    assert message.endswith("; put the published file there")
    assert "1 missing (net.inception5b.branch1.bn.bias); 5 unexpected (net.stranger0.weight, " in message
    assert "...); 1 of another shape (net.conv1.conv.weight)" in message


def test_the_advice_of_the_caller_reaches_the_message(hub, tmp_path):
    with pytest.raises(WeightsError, match=r"put vgg16-397923af.pth into .* or train with --recipe tiny$"):
        load_backbone("vgg16", folder=tmp_path, download=False, advice="train with --recipe tiny")


def test_a_relative_folder_is_remembered_from_everywhere(shared_data, monkeypatch):
    monkeypatch.chdir(shared_data)
    loaded = load_backbone("mobilenet_v2", folder=Path("weights"))
    assert Path(loaded.source) == shared_data / "weights" / "mobilenet_v2_imagenet_timm.safetensors"
