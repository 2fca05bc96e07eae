"""Augmentation on the fly is the ordinary temporal stage on sequences computed anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kinema.backbones.small_cnn_net import SmallCnn
from kinema.extraction.loaded import LoadedStream, load_streams
from kinema.features.sequence_file import SequenceWriter
from kinema.model.build import build_recognizer
from kinema.model.items import FeatureItem
from kinema.model.recognizer import Recognizer
from kinema.recipe import Recipe, load_recipe
from kinema.resources import Resources
from kinema.training.clips import ClipItem, Clips
from kinema.training.fit import FreshSequences, fit, fit_on_the_fly
from kinema.training.stage import FitOptions, Row

RANDOM = {"rotate": 20, "crop": "random", "flip": 0.5}


def recipe(augment: dict[str, Any], **training: Any) -> Recipe:
    """The frozen small CNN and a GRU, on four steps a video."""
    stream = {
        "input": "rgb",
        "sampling": {"kind": "segments", "length": 3},
        "backbone": "small_cnn",
        "augment": {**augment, "on_the_fly": True},
    }
    return load_recipe(
        {
            "name": "small",
            "data": {"classes": 3},
            "streams": {"rgb": stream},
            "temporal": {"units": 4, "dropout": 0.2},
            "training": {"epochs": 3, "batch": 4, "lr": 0.02, **training},
        }
    )


def assembled(chosen: Recipe) -> tuple[dict[str, LoadedStream], Recognizer]:
    parts = load_streams(chosen.streams, Resources(device="cpu", runtime="torch", offline=True))
    torch.manual_seed(0)
    dims = {name: stream.dim for name, stream in parts.items()}
    return parts, build_recognizer(chosen, dims, chosen.data.classes)


@pytest.fixture(scope="module")
def stored(clip_items: list[ClipItem], tmp_path_factory: pytest.TempPathFactory) -> dict[str, FeatureItem]:
    """Features of each video as it is, by key."""
    folder = tmp_path_factory.mktemp("stored")
    part = assembled(recipe({}))[0]["rgb"]
    clips, compute = Clips(clip_items, {"rgb": part.spec}, part.tools), part.compute
    found = {}
    for item in clip_items:
        writer = SequenceWriter(folder / f"{item.key}.safetensors", part.dim)
        for clip in clips.of(item, "rgb"):
            writer.append(compute([clip.inputs]), [clip.pts_seconds])
        writer.commit()
        found[item.key] = FeatureItem({"rgb": writer.path}, item.label)
    return found


def features(items: list[ClipItem], stored: dict[str, FeatureItem]) -> list[FeatureItem]:
    return [stored[item.key] for item in items]


def trained(
    chosen: Recipe,
    train: list[ClipItem],
    val: list[ClipItem],
    stored: dict[str, FeatureItem],
    folder: Path,
    **options: Any,
) -> tuple[dict[str, Tensor], list[Row]]:
    """The recogniser's values and the history, without times."""
    parts, model = assembled(chosen)
    settings = FitOptions(folder, device="cpu", **options)
    rows = fit_on_the_fly(model, parts, train, features(train, stored), features(val, stored), settings)
    return model.state_dict(), [{**row, "seconds": 0} for row in rows]


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, two[name]) for name, value in one.items())


@pytest.mark.parametrize(
    ("training", "matters"),
    [
        ({}, False),
        ({"class_balance": "weights"}, True),
        ({"class_balance": "sampler"}, True),
        ({"keep": "best", "lr": 0.3}, True),
        ({"stop_after": 1, "lr": 0.3, "epochs": 9}, True),
    ],
    ids=json.dumps,
)
def test_without_a_change_of_the_frames_it_equals_training_on_stored_features(
    training: dict[str, Any],
    matters: bool,
    clip_items: list[ClipItem],
    stored: dict[str, FeatureItem],
    tmp_path: Path,
) -> None:
    """So every setting of the temporal stage counts; and those of `training` change the result."""
    train, val = [*clip_items[:3], clip_items[3]], clip_items[4:]  # class 0 twice
    chosen = recipe({}, **training)
    fresh, rows = trained(chosen, train, val, stored, tmp_path / "fresh")
    model = assembled(chosen)[1]
    options = FitOptions(tmp_path / "stored", device="cpu")
    expected = fit(model, features(train, stored), features(val, stored), options)
    assert rows == [{**row, "seconds": 0} for row in expected]
    assert same(fresh, model.state_dict())
    assert all("val_loss" in row for row in rows)
    plain = recipe({}, **{k: v for k, v in training.items() if k in ("lr", "epochs")})
    assert same(fresh, trained(plain, train, val, stored, tmp_path / "plain")[0]) != matters


def test_every_epoch_sees_another_version(
    clip_items: list[ClipItem],
    stored: dict[str, FeatureItem],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sequences of one item over three epochs are three different ones, and none is the stored one."""
    seen: dict[int, list[bytes]] = {}
    access = FreshSequences.__getitem__

    def spy(self: FreshSequences, index: int) -> Any:
        row = access(self, index)
        seen.setdefault(index, []).append(row[1]["rgb"].data.tobytes())
        return row

    monkeypatch.setattr(FreshSequences, "__getitem__", spy)
    _, rows = trained(recipe(RANDOM), clip_items[:3], [], stored, tmp_path)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert sorted(seen) == [0, 1, 2]
    assert all(len(versions) == len(set(versions)) == 3 for versions in seen.values())


def test_backbones_stay_as_they_are(
    clip_items: list[ClipItem], stored: dict[str, FeatureItem], tmp_path: Path
) -> None:
    """Also batch norm that a backbone stage had released."""
    chosen = recipe(RANDOM)
    parts, model = assembled(chosen)
    module = parts["rgb"].backbones[0].module
    module.unfreeze(4, "train")
    parts["rgb"] = parts["rgb"].with_backbones([module])
    old = {k: v.clone() for k, v in module.state_dict().items()}
    options = FitOptions(tmp_path, device="cpu")
    fit_on_the_fly(model, parts, clip_items[:3], features(clip_items[:3], stored), [], options)
    assert same(old, module.state_dict())


def test_one_forward_never_holds_more_than_a_batch_of_clips(
    clip_items: list[ClipItem],
    stored: dict[str, FeatureItem],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Six videos in one batch of the recogniser: the backbone sees two clips at a time."""
    sizes: list[int] = []
    forward = SmallCnn.forward

    def spy(self: SmallCnn, x: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        sizes.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(SmallCnn, "forward", spy)
    chosen = recipe(RANDOM, batch=128, epochs=1)
    trained(chosen, clip_items, [], stored, tmp_path)
    assert len(sizes) >= 12
    assert set(sizes) == {2}


class Killed(Exception):
    """Stands for the power cut."""


def test_resumed_equals_uninterrupted(
    clip_items: list[ClipItem], stored: dict[str, FeatureItem], tmp_path: Path
) -> None:
    def kill(row: Row, epochs: int) -> None:
        if row["epoch"] == 2:
            raise Killed

    chosen = recipe(RANDOM, keep="best", class_balance="sampler")
    sets = clip_items[:4], clip_items[4:], stored
    whole, rows = trained(chosen, *sets, tmp_path / "whole")
    with pytest.raises(Killed):
        trained(chosen, *sets, tmp_path / "cut", on_epoch=kill)
    resumed, again = trained(chosen, *sets, tmp_path / "cut", resume=True)
    assert again == rows
    assert same(whole, resumed)
