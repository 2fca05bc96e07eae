"""Published files under their published names and shapes: found, fetched, checked, loaded whole, or refused.

A file of the real shape takes no room here: every tensor is one number, expanded. The number differs from
tensor to tensor, so that a value in the wrong place shows.
"""

from __future__ import annotations

import dataclasses
import functools
import http.server
import pickle
import threading
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from kinema.backbones import googlenet, inception_resnet_v2, mobilenet_v2, resnet152, vgg16
from kinema.backbones.load import load_backbone, state_digest
from kinema.backbones.weights import file_digest
from kinema.errors import UsageError, WeightsError


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
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.delenv("KINEMA_WEIGHTS", raising=False)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def googlenet_file(tmp_path, hub, monkeypatch) -> Path:
    """A small published file in a folder of its own."""
    path = tmp_path / "published" / "googlenet-1378be20.pth"
    path.parent.mkdir()
    torch.save(published_state(PUBLISHED["googlenet"][3]), path)
    publish(monkeypatch, googlenet, "imagenet", path)
    return path


@pytest.fixture
def server(tmp_path):
    """Serves tmp_path/published on this machine; the address of a file there."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args):
            pass

    handler = functools.partial(Quiet, directory=tmp_path / "published")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize("case", PUBLISHED)
def test_published_files_load_whole(case, tmp_path, hub, monkeypatch):
    module, weights, file_name, make = PUBLISHED[case]
    state = published_state(make)
    torch.save(state, tmp_path / file_name)
    publish(monkeypatch, module, weights, tmp_path / file_name)
    loaded = load_backbone(module.SPEC.name, weights=weights, weights_dir=tmp_path)
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
    symmetric = load_backbone("mobilenet_v2", weights_dir=tmp_path)
    assert symmetric.module.mean == (0.485, 0.456, 0.406)
    first = tmp_path / "mobilenet_v2_imagenet_timm.safetensors"
    save_file(dense, first)
    publish(monkeypatch, mobilenet_v2, "imagenet", first)
    same = load_backbone("mobilenet_v2", weights_dir=tmp_path)
    assert same.source == str(first)  # preferred where both are there
    assert same.module.mean == pytest.approx((128 / 255,) * 3)
    assert same.digest != symmetric.digest  # the same values, but other features


def test_looked_up_in_the_folder_then_the_environment_then_the_cache(
    googlenet_file, hub, tmp_path, monkeypatch
):
    hub.mkdir(parents=True)
    in_cache = hub / googlenet_file.name
    in_cache.write_bytes(googlenet_file.read_bytes())
    assert load_backbone("googlenet", download=False).source == str(in_cache)
    monkeypatch.setenv("KINEMA_WEIGHTS", str(googlenet_file.parent))
    assert load_backbone("googlenet", download=False).source == str(googlenet_file)
    (tmp_path / "empty").mkdir()
    # A folder that was named replaces the environment's, and the cache still serves.
    assert load_backbone("googlenet", weights_dir=tmp_path / "empty").source == str(in_cache)


def test_download_is_checked_and_kept(googlenet_file, server, hub, monkeypatch):
    publish(monkeypatch, googlenet, "imagenet", googlenet_file, url=f"{server}/{googlenet_file.name}")
    loaded = load_backbone("googlenet")
    assert loaded.source == str(hub / googlenet_file.name)
    assert (hub / googlenet_file.name).read_bytes() == googlenet_file.read_bytes()
    googlenet_file.unlink()
    assert load_backbone("googlenet").digest == loaded.digest


def test_damaged_download_is_refused_and_leaves_nothing(googlenet_file, server, hub, monkeypatch):
    publish(monkeypatch, googlenet, "imagenet", googlenet_file, url=f"{server}/{googlenet_file.name}")
    googlenet_file.write_bytes(googlenet_file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"the download of http.* is damaged: .*; try again, or put "):
        load_backbone("googlenet")
    assert list(hub.iterdir()) == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x.pth", "missing"])
def test_offline_and_absent_is_one_line_with_the_cure(address, googlenet_file, server, hub, monkeypatch):
    url = f"{server}/no-such-file" if address == "missing" else address
    publish(monkeypatch, googlenet, "imagenet", googlenet_file, url=url)
    with pytest.raises(WeightsError) as caught:
        load_backbone("googlenet")
    message = str(caught.value)
    assert message.startswith(f"cannot fetch {url} (")
    assert f"put googlenet-1378be20.pth into {hub}" in message
    assert message.endswith("or use --weights none for random weights")
    assert "\n" not in message
    assert list(hub.iterdir()) == []


def test_without_download_nothing_is_fetched(hub, tmp_path):
    with pytest.raises(
        WeightsError, match=rf"no weights for vgg16 here; put vgg16-397923af.pth into {tmp_path} or"
    ):
        load_backbone("vgg16", weights_dir=tmp_path, download=False)
    with pytest.raises(
        UsageError, match=r"no folder of weights at .*; give an existing one, or --weights none"
    ):
        load_backbone("vgg16", weights_dir=tmp_path / "absent")


def test_a_published_name_with_other_content_is_refused(tmp_path, hub):
    torch.save({}, tmp_path / "resnet152-394f9c45.pth")
    with pytest.raises(
        WeightsError, match=r"not the published file: its sha256 is .* where 394f9c45 is published"
    ):
        load_backbone("resnet152", weights_dir=tmp_path)


def test_values_of_another_network_are_named(tmp_path, hub, monkeypatch):
    state = published_state(PUBLISHED["googlenet"][3])
    state["conv1.conv.weight"] = torch.zeros(1, 2)
    for i in range(5):
        state[f"stranger{i}.weight"] = torch.zeros(1)
    del state["inception5b.branch1.bn.bias"]
    torch.save({"state_dict": state}, tmp_path / "googlenet-1378be20.pth")
    publish(monkeypatch, googlenet, "imagenet", tmp_path / "googlenet-1378be20.pth")
    with pytest.raises(WeightsError) as caught:
        load_backbone("googlenet", weights_dir=tmp_path)
    message = str(caught.value)
    assert "1 missing (net.inception5b.branch1.bn.bias); 5 unexpected (net.stranger0.weight, " in message
    assert "...); 1 of another shape (net.conv1.conv.weight)" in message


class Payload:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("content", ["pickle", "text", "empty", "list"])
def test_files_that_hold_no_tensors_are_refused_and_run_nothing(content, tmp_path, hub, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "googlenet-1378be20.pth"
    if content == "pickle":
        path.write_bytes(pickle.dumps(Payload()))
    elif content == "list":
        torch.save([1, 2], path)
    else:
        path.write_bytes(b"not a checkpoint" if content == "text" else b"")
    publish(monkeypatch, googlenet, "imagenet", path)
    with pytest.raises(WeightsError, match=r"cannot read weights|holds no plain dictionary") as caught:
        load_backbone("googlenet", weights_dir=tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()


def test_damaged_safetensors_is_refused(tmp_path, hub):
    (tmp_path / "mobilenetv2_100.ra_in1k.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(WeightsError, match=r"cannot read weights .*; delete it and fetch it again"):
        load_backbone("mobilenet_v2", weights_dir=tmp_path)


def test_a_relative_folder_is_remembered_from_everywhere(shared_data, monkeypatch):
    monkeypatch.chdir(shared_data)
    loaded = load_backbone("mobilenet_v2", weights_dir="weights")
    assert Path(loaded.source) == shared_data / "weights" / "mobilenet_v2_imagenet_timm.safetensors"
