"""`--offline` and KINEMA_OFFLINE: nothing opens a connection, whichever way weights are asked for."""

from __future__ import annotations

import re
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from typer.main import get_command

from kinema.backbones.load import load_backbone
from kinema.backbones.table import BACKBONES, backbone_spec
from kinema.cli.app import app
from kinema.errors import UsageError, WeightsError
from kinema.extraction.loaded import load_streams
from kinema.flow.methods import NETWORKS, load_method
from kinema.recipe import load_recipe, recipe_names
from kinema.resources import Resources
from kinema.weights.find import find_weights
from kinema.workflows.doctor import diagnose
from kinema.workflows.extract import extract_dataset
from kinema.workflows.flow import write_flow

SETS = [(name, kind) for name in BACKBONES for kind in backbone_spec(name).weights]
NEEDY = [name for name in recipe_names() if not name.startswith("tiny")]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Every address that anything tried to reach; no weights are at hand."""
    tried: list[Any] = []

    def refuse(*address: Any, **_: Any) -> NoReturn:
        tried.append(address)
        raise OSError("no network here")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for variable in ("KINEMA_WEIGHTS", "KINEMA_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    return tried


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, asked: list[Any]) -> list[Any]:
    monkeypatch.setenv("KINEMA_OFFLINE", "1")
    return asked


def test_the_guard_sees_a_download(asked: list[Any]) -> None:
    """Without the setting there is an attempt: the tests below can fail."""
    with pytest.raises(WeightsError, match="cannot fetch"):
        load_backbone("vgg16")
    assert asked


@pytest.mark.parametrize(("name", "kind"), SETS)
def test_backbones(name: str, kind: str, environment: list[Any]) -> None:
    with pytest.raises(WeightsError, match="no weights for"):
        load_backbone(name, weights=kind)
    assert environment == []


@pytest.mark.parametrize("name", NETWORKS)
def test_flow_methods(name: str, environment: list[Any], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights for"):
        find_weights(name, (NETWORKS[name].weights,))
    with pytest.raises((WeightsError, UsageError)):  # FlowNet 2.0 is an extra
        load_method(name)
    assert environment == []


@pytest.mark.parametrize("name", NEEDY)
@pytest.mark.parametrize("by", ["option", "environment"])
def test_recipes(name: str, by: str, asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "environment":
        monkeypatch.setenv("KINEMA_OFFLINE", "1")
    resources = Resources(offline=by == "option", device="cpu")
    assert resources.offline
    with pytest.raises((WeightsError, UsageError)):
        load_streams(load_recipe(name).streams, resources)
    assert asked == []


def works(call: Callable[[], Any]) -> None:
    with pytest.raises((WeightsError, UsageError)):
        call()


def test_workflows(asked: list[Any], tiny_videos: Path, tmp_path: Path) -> None:
    resources = Resources(offline=True, device="cpu", features=tmp_path / "features")
    works(lambda: extract_dataset(tiny_videos, recipe="lite", resources=resources))
    video = next(tiny_videos.parent.glob("*/*.mp4"))
    works(lambda: write_flow(video, tmp_path / "x.npy", "raft_small", resources=resources))
    assert asked == []
    diagnose()  # opens no connection, asked or not
    assert asked == []


def test_zero_and_nothing_forbid_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "0"):
        monkeypatch.setenv("KINEMA_OFFLINE", value)
        assert not Resources().offline


def test_every_verb_that_loads_weights_has_the_option() -> None:
    found = set()

    def walk(command: Any, words: str) -> None:
        for name, below in getattr(command, "commands", {}).items():
            walk(below, f"{words} {name}".strip())
        options = {option for parameter in command.params for option in parameter.opts}
        if "--weights" in options:
            assert "--offline" in options or words == "doctor", words
            found.add(words)

    walk(get_command(app), "")
    assert {"train", "extract", "predict", "evaluate", "embed", "search", "flow"} <= found
    assert {"anomaly fit", "anomaly score"} <= found


def test_one_place_fetches() -> None:
    """Only `weights/find.py` and `weights/hub.py` fetch, and no library is asked for pretrained values.

    timm is asked for its "pretrained" network with the values handed to it, read from a file that was found.
    """
    source = Path(load_backbone.__code__.co_filename).parent.parent
    networked = re.compile(
        r"urlopen|urlretrieve|load_state_dict_from_url|hf_hub|snapshot_download|requests\.get|pretrained\s*=\s*True"
    )
    found = {p.name for p in source.rglob("*.py") if networked.search(p.read_text(encoding="utf-8"))}
    assert found == {"find.py", "hub.py", "timm_nets.py"}
    timm_nets = (source / "backbones" / "libraries" / "timm_nets.py").read_text(encoding="utf-8")
    asked = [line for line in timm_nets.splitlines() if "create_model" in line and "pretrained=True" in line]
    assert len(asked) == 1
    assert 'pretrained_cfg_overlay={"state_dict": state}' in asked[0]
