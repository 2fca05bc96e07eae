"""timm's models, published files and all, against timm's own on the same input."""

from __future__ import annotations

import pytest
import timm
import torch
from safetensors.torch import save
from torchvision.transforms.functional import normalize

from kinema.backbones.libraries.catalogue import catalogue
from kinema.backbones.libraries.timm_nets import row_of
from kinema.backbones.load import load_backbone
from kinema.backbones.table import backbone_spec
from kinema.errors import UsageError, WeightsError
from support.hub import point_client_to, serving

# Convolutional networks, one with its tokens in rows and columns, transformers, one of them with registers.
MODELS = [
    ("mobilenetv4_conv_small.e2400_r224_in1k", 3),
    ("resnet18.a1_in1k", 1),
    ("convnext_atto.d2_in1k", 2),
    ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", 3),
    ("vit_small_patch16_dinov3.lvd1689m", 1),
]


@pytest.fixture
def hub(monkeypatch, tmp_path):
    files: dict[str, dict[str, bytes] | str] = {}
    with serving(files) as (address, asked):
        point_client_to(monkeypatch, address, tmp_path / "cache")
        yield files, asked


def random_model(name: str, x: torch.Tensor) -> torch.nn.Module:
    """The library's own, its batch norms' statistics taken from the input as after training."""
    torch.manual_seed(0)
    net = timm.create_model(name).eval()
    norms = [part for part in net.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    for part in norms:
        part.momentum = 1.0
        part.train()
        torch.nn.init.uniform_(part.weight, 0.5, 1.5)
    if norms:
        with torch.no_grad():
            net(x)
    return net.eval()


@pytest.mark.parametrize(("name", "count"), MODELS)
def test_features_are_timms_own(name, count, hub):
    files, asked = hub
    config = timm.get_pretrained_cfg(name)
    size = config.input_size[1:]
    x = torch.randint(0, 256, (count, *size, 3), dtype=torch.uint8)
    given = normalize(x.permute(0, 3, 1, 2).float() / 255, config.mean, config.std).contiguous()
    net = random_model(name, given)
    files[config.hf_hub_id] = {
        "model.safetensors": save({k: v.contiguous() for k, v in net.state_dict().items()})
    }
    loaded = load_backbone(f"timm/{name}", weights="published")
    assert loaded.spec.input.size == size
    with torch.inference_mode():
        features = loaded.module(x)
        expected = net.forward_head(net.forward_features(given), pre_logits=True)
    assert features.shape == (count, loaded.dim)
    assert expected.std() > 1e-3
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-5)
    requests = len(asked)
    again = load_backbone(f"timm/{name}", weights="published", download=False)
    assert again.digest == loaded.digest
    assert requests == len(asked) > 0


def test_a_file_in_the_folder_of_weights(tmp_path, hub):
    name = "test_resnet.r160_in1k"
    net = timm.create_model(name)
    (tmp_path / f"{name}.safetensors").write_bytes(save(net.state_dict()))
    loaded = load_backbone(f"timm/{name}", weights="imagenet", folder=tmp_path, download=False)
    assert loaded.source == str(tmp_path / f"{name}.safetensors")
    assert hub[1] == []


@pytest.mark.parametrize("change", ["missing", "left over", "other shape"])
def test_values_that_do_not_fit_are_refused(change, tmp_path, hub):
    name = "test_resnet.r160_in1k"
    state = timm.create_model(name).state_dict()
    key = next(k for k in state if k.endswith("conv1.weight"))
    if change == "missing":
        del state[key]
    elif change == "left over":
        state["stranger.weight"] = torch.zeros(1)
    else:
        state[key] = torch.zeros(1, 2, 3, 3)
    (tmp_path / f"{name}.safetensors").write_bytes(save(state))
    with pytest.raises(
        WeightsError, match=f"weights do not fit timm/{name}: .*; put the published file there"
    ):
        load_backbone(f"timm/{name}", weights="published", folder=tmp_path)


def test_random_values_follow_the_seed_alone(hub):
    torch.manual_seed(5)
    first = load_backbone("timm/test_vit.r160_in1k", weights="none")
    torch.manual_seed(6)
    again = load_backbone("timm/test_vit.r160_in1k", weights="none")
    other = load_backbone("timm/test_vit.r160_in1k", weights="none", seed=1)
    assert first.digest == again.digest != other.digest
    for a, b in zip(first.module.parameters(), again.module.parameters(), strict=True):
        assert torch.equal(a, b)
    x = torch.randint(0, 256, (2, 160, 160, 3), dtype=torch.uint8)
    with torch.inference_mode():
        one, two = first.module(x)
    assert (one - two).norm() > 0.05 * one.norm()
    assert hub[1] == []


@pytest.mark.parametrize("name", [name for name, _ in MODELS])
def test_the_catalogue_says_what_timm_says(name):
    listed, own = catalogue("timm")[name], row_of(name)
    assert (listed.input, listed.dim, listed.parameters) == (own.input, own.dim, own.parameters)
    assert (listed.licence, listed.source) == (own.licence, own.source)


def test_an_architecture_that_is_not_in_the_catalogue():
    assert "resnet18" not in catalogue("timm")
    assert backbone_spec("timm/resnet18").input == backbone_spec("timm/resnet18.a1_in1k").input


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("timm/mobilenetv4_conv_smal.e2400_r224_in1k", "mobilenetv4_conv_small.e2400_r224_in1k"),
        ("timm/convnxt_tiny", "convnext_tiny"),
    ],
)
def test_unknown_names_suggest_the_nearest(name, nearest):
    with pytest.raises(UsageError, match=f"timm has no model .*did you mean .*timm/{nearest}"):
        backbone_spec(name)
