"""Files of the Hugging Face Hub: looked up, fetched from a server on this machine, refused with the cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinema.errors import UsageError, WeightsError
from kinema.weights import hub
from support.hub import COMMIT, point_client_to, serving

NAMES = ("model.safetensors", "pytorch_model.bin")
REPOS = {
    "org/safe": {"model.safetensors": b"safe", "pytorch_model.bin": b"pickle"},
    "org/old": {"pytorch_model.bin": b"pickle"},
    "org/closed": "gated",
}


@pytest.fixture
def client(monkeypatch, tmp_path):
    with serving(REPOS) as (address, asked):
        point_client_to(monkeypatch, address, tmp_path / "cache")
        yield asked


def test_safetensors_are_preferred_and_fetched_once(client):
    path = hub.hub_file("org/safe", NAMES)
    assert (path.name, path.read_bytes()) == ("model.safetensors", b"safe")
    assert COMMIT in path.parts
    assert not any("pytorch_model.bin" in line for line in client)
    before = len(client)
    assert hub.hub_file("org/safe", NAMES) == path
    assert hub.hub_file("org/safe", NAMES, download=False) == path
    assert len(client) == before  # what is in the cache is not asked for again


def test_a_pickle_where_there_is_nothing_else(client):
    assert hub.hub_file("org/old", NAMES).read_bytes() == b"pickle"


@pytest.mark.parametrize("place", ["org/safe", "org--safe", "safe", f"models--org--safe/snapshots/{COMMIT}"])
def test_a_folder_of_weights_comes_first(client, tmp_path, place):
    folder = tmp_path / "weights"
    (folder / place).mkdir(parents=True)
    (folder / place / "model.safetensors").write_bytes(b"mine")
    assert hub.hub_file("org/safe", NAMES, folder=folder).read_bytes() == b"mine"
    hub.look_in(folder, offline=True)
    assert hub.hub_file("org/safe", NAMES).read_bytes() == b"mine"
    assert client == []


def test_the_folder_that_a_run_remembers(client, tmp_path):
    remembered = tmp_path / "org" / "safe"
    remembered.mkdir(parents=True)
    (remembered / "model.safetensors").write_bytes(b"mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.safetensors").write_bytes(b"another model's")
    assert hub.hub_file("org/safe", NAMES, folder=remembered).read_bytes() == b"mine"
    assert hub.hub_file("org/safe", NAMES, folder=tmp_path / "other").read_bytes() == b"safe"


@pytest.mark.parametrize(
    ("repo", "reason"),
    [
        (
            "org/closed",
            r"accept their terms at https://huggingface.co/org/closed; do so, then `hf auth login`",
        ),
        ("org/gone", "no such repository, or it is private or was removed"),
    ],
)
def test_what_cannot_be_fetched_is_told_with_the_cure(client, repo, reason):
    with pytest.raises(WeightsError, match=reason) as caught:
        hub.hub_file(repo, NAMES, advice="train with --weights none")
    cure = f"put model.safetensors into DIR/{repo} and give --weights DIR, or train with --weights none"
    assert str(caught.value).endswith(cure)


@pytest.mark.parametrize("name", ["no name", "noname", "a/b/c", "../x", "a/..", "/abs/path", ""])
def test_what_names_no_repository(client, name):
    with pytest.raises(UsageError, match="no name of a repository on the hub, which reads ORGANISATION/NAME"):
        hub.hub_file(name, NAMES)
    assert client == []


def test_a_repository_without_the_file(client):
    with pytest.raises(WeightsError, match=r"org/old has no model\.safetensors and no flax\.bin on the hub"):
        hub.hub_file("org/old", ("model.safetensors", "flax.bin"))


@pytest.mark.parametrize("variable", ["KINEMA_OFFLINE", "HF_HUB_OFFLINE", None])
def test_offline_asks_nobody(client, monkeypatch, variable):
    if variable:
        monkeypatch.setenv(variable, "1")
    else:
        hub.look_in(None, offline=True)
    with pytest.raises(WeightsError, match=r"nothing is downloaded \(offline\); put model.safetensors into"):
        hub.hub_file("org/safe", NAMES)
    assert client == []


def test_no_network(monkeypatch, tmp_path):
    point_client_to(monkeypatch, "http://127.0.0.1:9", tmp_path)
    with pytest.raises(WeightsError, match=r"cannot fetch model.safetensors of org/safe: .*; put model.safe"):
        hub.hub_file("org/safe", NAMES)


def test_a_folder_of_the_environment_must_exist(client, monkeypatch, tmp_path):
    monkeypatch.setenv("KINEMA_WEIGHTS", str(tmp_path / "absent"))
    with pytest.raises(UsageError, match=r"no folder of weights at .*KINEMA_WEIGHTS"):
        hub.hub_file("org/safe", NAMES)


def test_files_beside_each_other(tmp_path):
    (tmp_path / "net.safetensors").write_bytes(b"x")
    assert hub.lying_in(tmp_path, ("net.pth", "net.safetensors")) == Path(tmp_path / "net.safetensors")
    assert hub.lying_in(tmp_path, ("other.pth",)) is None
