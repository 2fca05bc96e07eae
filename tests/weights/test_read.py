"""Values out of files into modules: whole, or refused with what is wrong. Nothing in a file is run."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kinema.errors import WeightsError
from kinema.weights.read import fill, read_state, state_digest


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_every_format_gives_the_tensors_by_name(tmp_path):
    state = network().state_dict()
    torch.save(state, tmp_path / "a.pth")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "b.pt")
    save_file(state, tmp_path / "c.safetensors")
    for name in ("a.pth", "b.pt", "c.safetensors"):
        assert same(read_state(tmp_path / name), state)


class Payload:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("content", ["pickle", "text", "empty", "list"])
def test_files_that_hold_no_tensors_are_refused_and_run_nothing(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "googlenet-1378be20.pth"
    if content == "pickle":
        path.write_bytes(pickle.dumps(Payload()))
    elif content == "list":
        torch.save([1, 2], path)
    else:
        path.write_bytes(b"not a checkpoint" if content == "text" else b"")
    with pytest.raises(WeightsError, match=r"cannot read weights|holds no plain dictionary") as caught:
        read_state(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()


def test_damaged_safetensors_is_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(WeightsError, match=r"cannot read weights .*; delete it and fetch it again"):
        read_state(tmp_path / "a.safetensors")


def test_values_that_do_not_fit_are_named():
    module = network()
    state = module.state_dict() | {"0.bias": torch.zeros(3), "strange": torch.zeros(1)}
    del state["1.running_mean"]
    with pytest.raises(
        WeightsError,
        match=r"do not fit net: 1 missing \(1.running_mean\); 1 unexpected \(strange\); "
        r"1 of another shape \(0.bias\); put the published file there$",
    ):
        fill(module, state, "net")


def test_counters_of_batch_norm_are_neither_needed_nor_counted():
    module, other = network(), network()
    state = {k: v for k, v in other.state_dict().items() if not k.endswith("num_batches_tracked")}
    fill(module, state, "net")
    assert state_digest(module.state_dict()) == state_digest(state)
    assert state_digest(state) != state_digest(state, "symmetric")
    assert state_digest(state) != state_digest({**state, "0.bias": state["0.bias"] + 1})
