"""Streams trained by themselves: absent ones teach nothing, unchanged ones are not trained again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.features.sequence_file import SequenceWriter
from kinema.model.build import build_recognizer
from kinema.model.items import FeatureItem
from kinema.model.separate import SeparateRecognizer
from kinema.recipe import Recipe, load_recipe
from kinema.run import RunConfig, flat_state, save_run
from kinema.training.reuse import STAGES, Kept, kept_in
from kinema.training.separate import fit_separate, fit_svm
from kinema.training.stage import FitOptions

DIMS = {"a": 4, "b": 6}


def recipe(*streams: str, **temporal: object) -> Recipe:
    stream = {"input": "rgb", "sampling": {"kind": "uniform", "frames": 3}, "backbone": "mobilenet_v2"}
    return load_recipe(
        {
            "name": "two",
            "data": {"classes": 2},
            "streams": dict.fromkeys(streams, stream),
            "temporal": {"units": 5, **temporal},
            "fusion": {"kind": "concat_svm"},
            "training": {"stages": "separate", "epochs": 2, "batch": 4, "lr": 0.02},
        }
    )


def write(path: Path, dim: int, steps: int, seed: int) -> Path:
    writer = SequenceWriter(path, dim)
    if steps:
        data = np.random.default_rng(seed).normal(size=(steps, dim)).astype(np.float32)
        writer.append(data, [float(i) for i in range(steps)])
    writer.commit()
    return path


def items(
    folder: Path, count: int, absent: dict[str, set[int]], streams: tuple[str, ...]
) -> list[FeatureItem]:
    """`count` items; stream `s` of the items in `absent[s]` has no steps."""
    made = []
    for i in range(count):
        files = {
            s: write(
                folder / f"{s}-0" / "00" / f"{i}.safetensors",
                DIMS[s],
                0 if i in absent.get(s, ()) else 3 + i % 3,
                100 * DIMS[s] + i,
            )
            for s in streams
        }
        made.append(FeatureItem(files, i % 2))
    return made


def trained(
    folder: Path, train: list[FeatureItem], chosen: Recipe, kept: Kept | None = None
) -> tuple[SeparateRecognizer, list[str], Kept, list[dict]]:
    notes: list[str] = []
    kept = kept or Kept()
    torch.manual_seed(0)
    model = build_recognizer(chosen, {s: DIMS[s] for s in chosen.streams}, 2)
    assert isinstance(model, SeparateRecognizer)
    options = FitOptions(folder / "checkpoints", device="cpu", on_note=notes.append, kept=kept)
    return model, notes, kept, fit_separate(model, train, [], options)


def values(model: SeparateRecognizer, stream: str) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.streams[stream].parameters()])


def test_items_without_a_stream_do_not_change_it(tmp_path: Path) -> None:
    chosen = recipe("a", "b")
    some = items(tmp_path / "some", 8, {"b": {0, 3, 5}}, ("a", "b"))
    only = [item for i, item in enumerate(some) if i not in {0, 3, 5}]
    with_absent, *_ = trained(tmp_path / "1", some, chosen)
    without, *_ = trained(tmp_path / "2", only, chosen)
    assert torch.equal(values(with_absent, "b"), values(without, "b"))
    assert not torch.equal(values(with_absent, "a"), values(without, "a"))


def test_a_stream_that_no_video_has_is_skipped_and_has_no_say(tmp_path: Path) -> None:
    train = items(tmp_path, 8, {"b": set(range(8))}, ("a", "b"))
    model, notes, kept, history = trained(tmp_path, train, recipe("a", "b"))
    assert {row["stage"] for row in history} == {"temporal-a"}
    assert list(kept.made) == ["temporal-a"]
    assert "stream b: no training video has it" in notes[0]
    fit_svm(model, train, [])
    assert model.svm is not None
    size = model.streams["a"].embedding_size
    assert torch.equal(
        model.svm.weights[:, size : size + model.streams["b"].embedding_size], torch.zeros(2, 5)
    )
    assert model.svm.weights[:, -1].tolist() == [0, 0]  # the presence flag of b


def test_other_streams_do_not_change_a_stream(tmp_path: Path) -> None:
    both = items(tmp_path / "both", 6, {}, ("a", "b"))
    alone = [FeatureItem({"b": item.files["b"]}, item.label) for item in both]
    together, *_ = trained(tmp_path / "1", both, recipe("a", "b"))
    single, *_ = trained(tmp_path / "2", alone, recipe("b"))
    assert torch.equal(values(together, "b"), values(single, "b"))


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, list[FeatureItem], SeparateRecognizer]:
    """A run of streams a and b, saved as `train` saves it."""
    train = items(tmp_path / "features", 6, {}, ("a", "b"))
    chosen = recipe("a", "b")
    model, _, kept, history = trained(tmp_path, train, chosen)
    folder = tmp_path / "run"
    folder.mkdir()
    backbone = dict.fromkeys(("name", "features", "digest", "source"), "x")
    config = RunConfig(chosen, ("x", "y"), {s: [backbone] for s in chosen.streams}, {STAGES: kept.made})
    save_run(folder, config, flat_state({"recognizer": model}))
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
    return folder, train, model


def test_only_the_replaced_stream_is_trained_again(
    run: tuple[Path, list[FeatureItem], SeparateRecognizer], tmp_path: Path
) -> None:
    folder, train, before = run
    replaced = [
        FeatureItem(
            {**item.files, "b": write(tmp_path / "features" / "b-1" / "00" / f"{i}.safetensors", 6, 4, i)},
            item.label,
        )
        for i, item in enumerate(train)
    ]
    after, notes, kept, history = trained(tmp_path / "2", replaced, recipe("a", "b"), kept_in(folder))
    assert notes == ["stream a: unchanged, its trained values are kept"]
    assert torch.equal(values(after, "a"), values(before, "a"))
    assert not torch.equal(values(after, "b"), values(before, "b"))
    assert [row["stage"] for row in history] == ["temporal-a"] * 2 + ["temporal-b"] * 2
    assert set(kept.made) == {"temporal-a", "temporal-b"}


@pytest.mark.parametrize("change", ["temporal", "label", "fewer"])
def test_any_other_setting_trains_anew(
    run: tuple[Path, list[FeatureItem], SeparateRecognizer], tmp_path: Path, change: str
) -> None:
    folder, train, _ = run
    chosen = recipe("a", "b", layers=2) if change == "temporal" else recipe("a", "b")
    if change == "label":
        train = [FeatureItem(train[0].files, 1 - train[0].label), *train[1:]]
    if change == "fewer":
        train = train[1:]
    _, notes, *_ = trained(tmp_path / "2", train, chosen, kept_in(folder))
    assert notes == []


def test_no_run_keeps_nothing(tmp_path: Path) -> None:
    assert kept_in(tmp_path / "none").stages == {}


def test_svm_in_place_of_softmax_for_one_stream(tmp_path: Path) -> None:
    train = items(tmp_path, 8, {}, ("a",))
    model, *_ = trained(tmp_path, train, recipe("a"))
    fit_svm(model, train, [])
    assert model.svm is not None
    assert model.svm.weights.shape == (2, 6)  # five units and the presence flag
