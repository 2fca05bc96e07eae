"""Published files: found in order, fetched, checked, or refused in one line that ends in the cure."""

from __future__ import annotations

import dataclasses
import functools
import http.server
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from kinema.errors import UsageError, WeightsError
from kinema.keys import file_digest
from kinema.weights.files import WeightFile, torchvision_file
from kinema.weights.find import find_weights, hub_cache

NAME = "net-00000000.pth"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """An empty torch hub cache, and no other place to look."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("KINEMA_WEIGHTS", raising=False)
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def file(tmp_path) -> Path:
    """A small published file in a folder of its own."""
    path = tmp_path / "published" / NAME
    path.parent.mkdir()
    path.write_bytes(b"values" * 1000)
    return path


@pytest.fixture
def weights(file) -> WeightFile:
    return WeightFile((NAME,), sha256=file_digest(file)[:8])


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


def test_looked_up_in_the_folder_then_the_environment_then_the_cache(
    weights, file, hub, tmp_path, monkeypatch
):
    hub.mkdir(parents=True)
    in_cache = hub / NAME
    in_cache.write_bytes(file.read_bytes())
    find = functools.partial(find_weights, "net", (weights,), download=False)
    assert find(None) == (in_cache, weights)
    monkeypatch.setenv("KINEMA_WEIGHTS", str(file.parent))
    assert find(None)[0] == file
    (tmp_path / "empty").mkdir()
    # A folder that was named replaces the environment's, and the cache still serves.
    assert find(tmp_path / "empty")[0] == in_cache
    monkeypatch.chdir(tmp_path)
    assert find(Path("published"))[0] == file


def test_candidates_come_in_order_and_under_all_their_names(weights, file, hub):
    (file.parent / "other.safetensors").write_bytes(b"other")
    other = WeightFile(("absent.pth", "other.safetensors"))
    assert find_weights("net", (other, weights), file.parent) == (file.parent / "other.safetensors", other)
    assert find_weights("net", (weights, other), file.parent) == (file, weights)


@pytest.mark.parametrize("home", [{"TORCH_HOME": "/a/b"}, {"XDG_CACHE_HOME": "/c"}, {"HOME": "/d"}])
def test_the_cache_is_where_torch_hub_has_it(home, monkeypatch):
    for variable in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    for variable, value in home.items():
        monkeypatch.setenv(variable, value)
    assert hub_cache() == Path(torch.hub.get_dir()) / "checkpoints"


def test_finding_imports_no_torch():
    code = "import sys, kinema.weights.find; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_download_is_checked_and_kept(weights, file, server, hub):
    published = dataclasses.replace(weights, url=f"{server}/{NAME}")
    assert find_weights("net", (published,)) == (hub / NAME, published)
    assert (hub / NAME).read_bytes() == file.read_bytes()
    file.unlink()
    assert find_weights("net", (published,))[0] == hub / NAME


def test_damaged_download_is_refused_and_leaves_nothing(weights, file, server, hub):
    published = dataclasses.replace(weights, url=f"{server}/{NAME}")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"the download of http.* is damaged: .*; try again, or put "):
        find_weights("net", (published,))
    assert list(hub.iterdir()) == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x.pth", "missing"])
@pytest.mark.parametrize("advice", ["", "train with --weights none (random values)"])
def test_offline_and_absent_is_one_line_with_the_cure(address, advice, weights, server, hub):
    url = f"{server}/no-such-file" if address == "missing" else address
    with pytest.raises(WeightsError) as caught:
        find_weights("net", (dataclasses.replace(weights, url=url),), advice=advice)
    message = str(caught.value)
    assert message.startswith(f"cannot fetch {url} (")
    put = f"put {NAME} into {hub} (or in a folder given as --weights DIR)"
    assert message.endswith(f"; {put}, or {advice}" if advice else f"; {put}")
    assert "\n" not in message
    assert list(hub.iterdir()) == []


def test_without_download_nothing_is_fetched(weights, hub, tmp_path, monkeypatch):
    published = dataclasses.replace(weights, url="http://127.0.0.1:9/x.pth")
    with pytest.raises(WeightsError, match=rf"no weights for net here; put {NAME} into {tmp_path} or {hub}$"):
        find_weights("net", (published,), tmp_path, download=False)
    with pytest.raises(UsageError, match=r"no folder of weights at .*/absent; give an existing one$"):
        find_weights("net", (published,), tmp_path / "absent")
    monkeypatch.setenv("KINEMA_WEIGHTS", str(tmp_path / "gone"))
    with pytest.raises(UsageError, match=r"no folder of weights at .*/gone \(KINEMA_WEIGHTS\); give an ex"):
        find_weights("net", (published,))


def test_a_published_name_with_other_content_is_refused(tmp_path, hub):
    (tmp_path / "resnet152-394f9c45.pth").write_bytes(b"something else")
    with pytest.raises(
        WeightsError,
        match=r"not the published file: its sha256 is .* where 394f9c45 is published; delete it and fetch it",
    ):
        find_weights("resnet152", (torchvision_file("resnet152-394f9c45.pth"),), tmp_path)
