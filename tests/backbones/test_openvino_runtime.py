"""OpenVINO: torch's features, the same bytes in any batch, and networks that are kept only while whole."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from kinema.backbones import choice, kept, openvino_runtime
from kinema.backbones.load import LoadedBackbone, load_backbone
from kinema.backbones.module import Backbone
from kinema.backbones.runner import BackboneRunner
from kinema.backbones.spec import BackboneSpec, InputSpec
from kinema.errors import UsageError, WorkError

pytest.importorskip("openvino")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kinema" / "openvino"


@pytest.fixture(scope="module")
def loaded() -> LoadedBackbone:
    return load_backbone("small_cnn", weights="none")


def clips(n: int = 5) -> list[np.ndarray]:
    return list(np.random.default_rng(1).integers(0, 255, (n, 3, 40, 56, 3), np.uint8))


def conversions(monkeypatch) -> list[str]:
    """Grows by one name for each network that is converted."""
    done: list[str] = []
    real = openvino_runtime.converted
    monkeypatch.setattr(
        openvino_runtime,
        "converted",
        lambda loaded, batch: done.append(loaded.spec.name) or real(loaded, batch),
    )
    return done


def test_features_are_those_of_torch_and_the_same_bytes_in_any_batch_and_for_any_threads(loaded, monkeypatch):
    done = conversions(monkeypatch)
    expected = BackboneRunner(loaded, batch_size=3, device="cpu")(clips())
    run = BackboneRunner(loaded, batch_size=3, runtime="openvino", threads=1)
    output = run(clips())
    assert np.linalg.norm(output - expected) < 1e-5 * np.linalg.norm(expected)
    assert run([clips()[4], clips()[0]])[0].tobytes() == output[4].tobytes()
    assert done == ["small_cnn"]
    again = BackboneRunner(loaded, batch_size=3, runtime="openvino", threads=1)
    assert again(clips()[4:])[0].tobytes() == output[4].tobytes()
    assert done == ["small_cnn"]  # what the first one kept
    more = BackboneRunner(loaded, batch_size=3, runtime="openvino", threads=2)
    assert more(clips()).tobytes() == output.tobytes()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-40], marks=pytest.mark.slow, id="short"),
        pytest.param(lambda data: data[:5000] + b"x" + data[5001:], id="a byte"),
    ],
)
def test_a_kept_network_that_is_damaged_is_made_anew(loaded, cache, damage, monkeypatch):
    done = conversions(monkeypatch)
    output = BackboneRunner(loaded, batch_size=3, runtime="openvino")(clips())
    (path,) = cache.glob("*.network")
    path.write_bytes(damage(path.read_bytes()))
    assert BackboneRunner(loaded, batch_size=3, runtime="openvino")(clips()).tobytes() == output.tobytes()
    assert BackboneRunner(loaded, batch_size=3, runtime="openvino")(clips()).tobytes() == output.tobytes()
    assert len(done) == 2


def test_a_kept_network_of_another_version_is_not_used(loaded, cache, monkeypatch):
    done = conversions(monkeypatch)
    BackboneRunner(loaded, batch_size=3, runtime="openvino")(clips())
    monkeypatch.setattr(torch, "__version__", "1.0")
    BackboneRunner(loaded, batch_size=3, runtime="openvino")(clips())
    assert len(done) == len(list(cache.glob("*.network"))) == 2


def test_what_another_state_of_the_code_refused_is_tried_again(loaded, cache, monkeypatch):
    monkeypatch.setattr(openvino_runtime, "_code", lambda: "older")
    monkeypatch.setattr(openvino_runtime, "converted", refused)
    with pytest.raises(openvino_runtime.Unconvertible):
        openvino_runtime.OpenVINOForward(loaded)(np.stack(clips()[:3]))
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent.parent))
    assert openvino_runtime.OpenVINOForward(loaded)(np.stack(clips()[:3])).shape == (3, 512)


def refused(loaded, batch):
    raise openvino_runtime.Unconvertible("no rule")


def test_a_folder_that_cannot_be_written_to_only_costs_time(loaded, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert BackboneRunner(loaded, batch_size=3, runtime="openvino")(clips()).shape == (5, 512)


def test_the_least_used_go_where_all_take_too_much(cache, monkeypatch):
    monkeypatch.setattr(kept, "LIMIT", 3 * 132)
    for number, key in enumerate("abc"):
        kept.keep(key, bytes(100))
        kept.os.utime(kept._path(key), (number, number))
    assert kept.read_kept("a") == bytes(100)  # which makes b the oldest
    kept.keep("d", bytes(100))
    assert [key for key in "abcd" if kept.read_kept(key)] == ["a", "c", "d"]


class Odd(Backbone):
    """Sorts by a rule that tracing cannot follow: `ways` of going wrong."""

    def __init__(self, way: str):
        super().__init__()
        self.way = way
        self.scale = torch.nn.Parameter(torch.ones(1))

    def blocks(self):
        return [self]

    def forward(self, x):
        x = self.cast(x) * self.scale
        if self.way == "no such operation":
            return torch.linalg.eigvalsh(x @ x.transpose(1, 2)).float()
        return (x[:, 0] * (2 if torch.jit.is_tracing() else 1)).float()  # another result


def odd(way: str) -> LoadedBackbone:
    spec = BackboneSpec("odd", InputSpec("logmel", size=(4, 4)), {"pool": 4})
    module = Odd(way).requires_grad_(False).eval()
    return LoadedBackbone(module, spec, "pool", 4, f"digest of {way}", "here")


@pytest.mark.parametrize(
    ("way", "reason"), [("no such operation", "eigvalsh"), ("another result", "features differ by 100.0%")]
)
def test_what_openvino_cannot_take_runs_by_torch_with_one_line_and_is_not_tried_again(
    way, reason, told, monkeypatch
):
    done = conversions(monkeypatch)
    steps = list(np.random.default_rng(2).normal(size=(3, 4, 4)).astype(np.float32))
    expected = BackboneRunner(odd(way), batch_size=2, device="cpu")(steps)
    run = BackboneRunner(odd(way), batch_size=2, device="cpu", runtime="auto")
    assert run(steps).tobytes() == expected.tobytes()
    assert run.runtime == "torch"
    assert len(told) == 1
    assert told[0].startswith("odd runs by torch: OpenVINO cannot take it")
    assert reason in told[0]
    BackboneRunner(odd(way), batch_size=2, device="cpu", runtime="auto")(steps)
    assert done == ["odd"]
    with pytest.raises(WorkError, match=r"OpenVINO cannot run odd .*; leave --runtime out"):
        BackboneRunner(odd(way), batch_size=2, runtime="openvino")(steps)


def test_openvino_is_asked_for_and_is_not_there(loaded, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UsageError, match="OpenVINO is not installed; pip install openvino"):
        BackboneRunner(loaded, runtime="openvino")
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    assert BackboneRunner(loaded, runtime="auto", device="cpu").runtime == "torch"


def test_nothing_is_reported_to_the_makers_of_openvino():
    code = (
        "import sys; from kinema.backbones.openvino_runtime import openvino; openvino();"
        " import openvino.tools.ovc; assert sys.modules['openvino_telemetry'] is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
