"""The run folder: what is written is read back, damage is named in one line, nothing executes code."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import kinema
from kinema.errors import UsageError
from kinema.recipe import load_recipe
from kinema.run import RUN_VERSION, RunConfig, check_backbones, load_run, save_run


def config(**changes: Any) -> RunConfig:
    facts: dict[str, Any] = {
        "recipe": load_recipe("lite", ["data.classes=2"]),
        "labels": ("walk", "läufen\n:- #"),
        "backbones": {"rgb": [{"name": "mobilenet_v2", "features": "f", "digest": "d", "source": "none"}]},
        "data": {"train_counts": [3, 4]},
    }
    return RunConfig(**facts | changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_run(tmp_path, config(), {"recognizer.w": torch.arange(3.0), "svm.b": torch.zeros(2, 2)})
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load_run(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def edit(folder: Path, **changes: Any) -> None:
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text(encoding="utf-8")) | changes))


def test_round_trip(folder: Path) -> None:
    found, state = load_run(folder)
    assert found == config()
    assert {k: v.tolist() for k, v in state.items()} == {
        "recognizer.w": [0, 1, 2],
        "svm.b": [[0, 0], [0, 0]],
    }
    assert sorted(p.name for p in folder.iterdir()) == ["config.yaml", "model.safetensors"]


def test_tensor_that_is_not_contiguous(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    save_run(tmp_path, config(), {"a": whole, "b": whole.T})
    state = load_run(tmp_path)[1]
    assert torch.equal(state["b"], whole.T)


def test_older_version(folder: Path) -> None:
    edit(folder, kinema_run=RUN_VERSION - 1, recipe={"keys": "of the past"})
    with pytest.raises(UsageError, match=r"older Kinema.*train it again"):
        load_run(folder)


def test_newer_version(folder: Path) -> None:
    edit(folder, kinema_run=RUN_VERSION + 1, recipe={"keys": "of the future"})
    assert "newer Kinema" in refusal(folder)


def test_not_a_run(tmp_path: Path) -> None:
    assert "kinema train" in refusal(tmp_path / "absent")
    assert "kinema train" in refusal(tmp_path)
    (tmp_path / "config.yaml").write_text("a: 1")
    assert "not a run" in refusal(tmp_path)


@pytest.mark.parametrize(
    "text", [b"a: [", b"\xff\xfe\x00broken", b"", b"- 1", b"!!python/object/apply:os.system [ls]"]
)
def test_damaged_yaml(text: bytes, folder: Path) -> None:
    (folder / "config.yaml").write_bytes(text)
    refusal(folder)


@pytest.mark.parametrize(
    "changes", [{"kinema_run": "one"}, {"labels": None}, {"recipe": None}, {"backbones": []}]
)
def test_damaged_values(changes: dict[str, Any], folder: Path) -> None:
    edit(folder, **changes)
    assert "damaged" in refusal(folder)


@pytest.mark.parametrize("key", ["labels", "recipe", "backbones"])
def test_missing_values(key: str, folder: Path) -> None:
    file = folder / "config.yaml"
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    del raw[key]
    file.write_text(yaml.safe_dump(raw))
    assert "damaged" in refusal(folder)


def test_missing_or_truncated_tensors(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-5])
    assert "model.safetensors" in refusal(folder)
    file.unlink()
    assert "model.safetensors" in refusal(folder)


def test_pickle_in_place_of_tensors(folder: Path) -> None:
    torch.save({"recognizer.w": torch.zeros(1)}, folder / "model.safetensors")
    refusal(folder)


def test_other_weights_are_refused() -> None:
    check_backbones(config(), {"rgb": ["d"]})
    with pytest.raises(UsageError, match=r"not those of the run.*--weights$"):
        check_backbones(config(), {"rgb": ["other"]})


@pytest.fixture
def copied_run(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def test_loading_a_run_unpickles_nothing(copied_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was unpickled")

    for module, name in ((pickle, "loads"), (pickle, "load"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, refuse)
    assert len(kinema.load(copied_run).labels) == 3


def test_swapped_digest_is_one_line(copied_run: Path) -> None:
    backbones = yaml.safe_load((copied_run / "config.yaml").read_text(encoding="utf-8"))["backbones"]
    backbones["rgb"][0]["digest"] = "0" * 64
    edit(copied_run, backbones=backbones)
    with pytest.raises(UsageError, match="stream rgb: the weights of small_cnn are not those of the run"):
        kinema.load(copied_run)


@pytest.mark.parametrize(
    "changes",
    [
        {"kinema_run": "1"}, {"kinema_run": True}, {"labels": "ab"}, {"labels": []}, {"labels": ["a", "a"]},
        {"labels": [1, 2]}, {"data": [1]}, {"data": {"train_counts": "3"}}, {"data": {"train_counts": [1]}},
        {"backbones": {"rgb": [{"name": "mobilenet_v2"}]}}, {"backbones": {"rgb": [3]}}, {"model_sha256": 5},
    ],
)  # fmt: skip
def test_values_of_another_type(changes: dict[str, Any], folder: Path) -> None:
    edit(folder, **changes)
    assert "damaged" in refusal(folder)


DEEP = "[" * 5000 + "]" * 5000
BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60))])


@pytest.mark.parametrize(
    "text",
    [f"recipe: {DEEP}", "kinema_run: 0x" + "f" * 5000, "kinema_run: 2\nrecipe: &r {streams: *r}", BOMB],
)
def test_deep_self_referring_and_exploding_yaml(text: str, folder: Path) -> None:
    (folder / "config.yaml").write_text(text)
    refusal(folder)


def test_layers_without_number(folder: Path) -> None:
    """A million layers would be built before their tensors are missed."""
    file = folder / "config.yaml"
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    for key in ("layers", "units"):
        recipe = raw["recipe"] | {"temporal": raw["recipe"]["temporal"] | {key: 1_000_000}}
        file.write_text(yaml.safe_dump(raw | {"recipe": recipe}))
        assert f"temporal.{key}" in refusal(folder)


def test_a_flipped_bit_of_the_tensors(folder: Path) -> None:
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-2] ^= 4
    file.write_bytes(data)
    assert "train it again" in refusal(folder)


def test_a_run_without_digest_is_read(folder: Path) -> None:
    edit(folder, model_sha256="")
    load_run(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_tensors_that_are_not_finite(value: float, tmp_path: Path) -> None:
    save_run(tmp_path, config(), {"recognizer.w": torch.tensor([1.0, value])})
    assert "recognizer.w is not finite" in refusal(tmp_path)


def test_tensors_of_another_run_are_one_line(copied_run: Path, tmp_path: Path) -> None:
    found, state = load_run(copied_run)
    state = {k: v for k, v in state.items() if "head" not in k}
    save_run(copied_run, found, state)
    with pytest.raises(UsageError, match=r"model\.safetensors.*train it again$"):
        kinema.load(copied_run)


def test_other_number_of_backbones_is_one_line(copied_run: Path) -> None:
    backbones = yaml.safe_load((copied_run / "config.yaml").read_text(encoding="utf-8"))["backbones"]
    edit(copied_run, backbones={**backbones, "rgb": backbones["rgb"] * 2})
    with pytest.raises(UsageError, match="damaged"):
        kinema.load(copied_run)
