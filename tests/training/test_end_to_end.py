"""Training backbones: what changes and what does not, fresh versions of frames, and runs that keep them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kinema.errors import UsageError
from kinema.inference.predictor import load
from kinema.model.build import build_recognizer
from kinema.model.recognizer import Recognizer
from kinema.pipeline import TRAINED, StreamParts, assemble_streams, with_backbones
from kinema.recipe import Recipe, load_recipe
from kinema.training.clips import ClipBatch, ClipDataset, ClipItem, collate_clips
from kinema.training.end_to_end import EndToEnd, fit_on_the_fly, train_backbones
from kinema.training.fit import FitOptions
from kinema.types import VideoRecord
from kinema.workflows.evaluate import evaluate
from kinema.workflows.options import TrainOptions
from kinema.workflows.train import train


def recipe(*overrides: str) -> Recipe:
    """The small CNN and a GRU, one epoch of everything, on at most two steps a video."""
    sampling = {"kind": "segments", "length": 3, "max_segments": 2}
    stream = {"input": "rgb", "sampling": sampling, "backbone": "small_cnn", "train_blocks": 4}
    raw = {
        "name": "small",
        "data": {"classes": 3},
        "streams": {"rgb": stream},
        "temporal": {"units": 4},
        "training": {"epochs": 1, "backbone": {"unit": "video", "epochs": 1}},
    }
    return load_recipe(raw, overrides)


@pytest.fixture(scope="module")
def clip_items(tiny_videos: Path) -> list[ClipItem]:
    """One clip of each class."""
    found = sorted(tiny_videos.parent.glob("*/*.mp4"))
    classes = sorted({f.parent.name for f in found})
    firsts = [next(f for f in found if f.parent.name == c) for c in classes]
    return [ClipItem(VideoRecord(f, label=f.parent.name), str(i) * 32, i) for i, f in enumerate(firsts)]


def assembled(chosen: Recipe) -> tuple[dict[str, StreamParts], Recognizer]:
    parts = assemble_streams(chosen, download=False)
    torch.manual_seed(0)
    return parts, build_recognizer(chosen, {n: p.dim for n, p in parts.items()}, chosen.data.classes)


def trained(
    chosen: Recipe, items: list[ClipItem], folder: Path
) -> tuple[StreamParts, StreamParts, list[dict[str, Any]]]:
    """The stream before, the stream after, and the history."""
    parts, model = assembled(chosen)
    before = dict(parts)
    options = FitOptions(folder / "checkpoints", device="cpu")
    after, history = train_backbones(chosen, parts, model, items, folder / "clips", options)
    return before["rgb"], after["rgb"], history


def changed(before: StreamParts, after: StreamParts) -> set[str]:
    old, new = (p.backbones[0].module.state_dict() for p in (before, after))
    return {name for name in old if not torch.equal(old[name], new[name])}


@pytest.mark.parametrize("unit", ["clip", "video"])
def test_only_the_released_blocks_change(unit: str, clip_items: list[ClipItem], tmp_path: Path) -> None:
    chosen = recipe("streams.rgb.train_blocks=2", f"training.backbone.unit={unit}")
    before, after, history = trained(chosen, clip_items, tmp_path)
    names = changed(before, after)
    assert {n.split(".")[1] for n in names} == {"2", "3"}
    assert not any("running" in n or "num_batches" in n for n in names)
    assert [row["stage"] for row in history] == ["backbone" if unit == "video" else "backbone-rgb"]
    assert after.backbones[0].source == TRAINED
    assert not any(p.requires_grad for p in after.backbones[0].module.parameters())
    assert not after.backbones[0].module.training


def test_batch_norm_statistics_move_where_asked(clip_items: list[ClipItem], tmp_path: Path) -> None:
    before, after, _ = trained(
        recipe("streams.rgb.train_blocks=1", "streams.rgb.batch_norm=train"), clip_items, tmp_path
    )
    names = changed(before, after)
    assert {n.split(".")[1] for n in names} == {"3"}
    assert any("running_mean" in n for n in names)


def test_trained_backbones_have_a_digest_and_a_shelf_of_their_own(
    clip_items: list[ClipItem], tmp_path: Path
) -> None:
    before, after, _ = trained(recipe(), clip_items, tmp_path)
    assert after.backbones[0].digest != before.backbones[0].digest
    assert after.settings() != before.settings()
    again = with_backbones(before, [after.backbones[0].module])
    assert again.settings() == after.settings()


def test_unit_video_needs_every_stream() -> None:
    chosen = recipe()
    audio = {"input": "audio", "backbone": "yamnet"}
    raw = chosen.model_dump(mode="json")
    both = load_recipe(raw | {"streams": {**raw["streams"], "audio": audio}, "fusion": {"kind": "concat"}})
    parts = assembled(chosen)[0]
    two = {**parts, "audio": replace(parts["rgb"], name="audio", spec=both.streams["audio"])}
    with pytest.raises(UsageError, match=r"streams\.audio\.train_blocks is 0.*unit=clip$"):
        train_backbones(both, two, assembled(chosen)[1], [], Path("clips"), FitOptions(Path("c")))


def test_videos_of_different_lengths_are_kept_apart(clip_items: list[ClipItem], tmp_path: Path) -> None:
    """A batch of two videos scores as each video by itself."""
    parts, model = assembled(recipe())
    dataset = ClipDataset(clip_items, {"rgb": parts["rgb"].config}, tmp_path, augment=False)
    first, second = dataset[0], dataset[1]
    short = ({"rgb": [first[0]["rgb"][0][:1]]}, first[1])
    module = EndToEnd({"rgb": [parts["rgb"].backbones[0].module]}, model).eval()
    with torch.no_grad():
        both = module(collate_clips([short, second])).logits
        for row, alone in zip(both, (short, second), strict=True):
            torch.testing.assert_close(module(collate_clips([alone])).logits[0], row)


def on_the_fly() -> Recipe:
    augment = "streams.rgb.augment={rotate: 20, crop: random, flip: 0.5, on_the_fly: true}"
    return recipe("streams.rgb.train_blocks=0", "training.backbone=null", "training.epochs=3", augment)


def test_every_epoch_sees_another_version(clip_items: list[ClipItem], tmp_path: Path) -> None:
    parts, _ = assembled(on_the_fly())
    configs = {"rgb": parts["rgb"].config}
    dataset = ClipDataset(clip_items, configs, tmp_path, augment=True)
    plain = ClipDataset(clip_items, configs, tmp_path, augment=False)

    def version(epoch: int, source: ClipDataset = dataset) -> np.ndarray:
        source.epoch = epoch
        return source[0][0]["rgb"][0]

    assert not np.array_equal(version(0), version(1))
    assert np.array_equal(version(1), version(1))
    assert not np.array_equal(version(0), version(0, plain))
    assert np.array_equal(version(0, plain), version(1, plain))
    assert version(0).shape == version(0, plain).shape


def test_training_is_told_the_epoch(
    clip_items: list[ClipItem], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clips of one item over three epochs of a training are three different ones."""
    seen: dict[int, list[bytes]] = {}
    collate = ClipDataset.__getitem__

    def spy(self: ClipDataset, index: int) -> Any:
        row = collate(self, index)
        seen.setdefault(index, []).append(row[0]["rgb"][0].tobytes())
        return row

    monkeypatch.setattr(ClipDataset, "__getitem__", spy)
    chosen = on_the_fly()
    parts, model = assembled(chosen)
    # As after a backbone stage.
    parts["rgb"].backbones[0].module.unfreeze(4, "train")
    parts["rgb"] = with_backbones(parts["rgb"], [parts["rgb"].backbones[0].module])
    old = {k: v.clone() for k, v in parts["rgb"].backbones[0].module.state_dict().items()}
    options = FitOptions(tmp_path / "checkpoints", device="cpu")
    history = fit_on_the_fly(chosen, parts, model, clip_items, tmp_path / "clips", options)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert sorted(seen) == [0, 1, 2]
    assert all(len(versions) == len(set(versions)) == 3 for versions in seen.values())
    assert all(torch.equal(v, old[k]) for k, v in parts["rgb"].backbones[0].module.state_dict().items())


def test_collate() -> None:
    rows = [({"rgb": [np.full((t, 2, 2, 3), t, np.uint8)]}, t) for t in (1, 3)]
    batch = collate_clips(rows)
    assert isinstance(batch, ClipBatch)
    assert batch.inputs["rgb"][0].shape == (4, 2, 2, 3)
    assert batch.lengths["rgb"].tolist() == batch.labels.tolist() == [1, 3]


def test_run_keeps_its_backbones(tiny_videos: Path, tmp_path: Path) -> None:
    """Saved and loaded, the run predicts what it predicted; its test features are not augmented."""
    options = TrainOptions(features=tmp_path / "features", workers=1, device="cpu")
    short = ["training.backbone.epochs=1", "training.epochs=1", "temporal.units=4"]
    result = train(tiny_videos, recipe="tiny", overrides=short, out=tmp_path / "run", options=options)
    run = load(tmp_path / "run", device="cpu")
    assert run.config.backbones["rgb"][0]["source"] == TRAINED
    again = evaluate(tmp_path / "run", tiny_videos, features=tmp_path / "features", device="cpu")
    # Nothing was extracted anew: the digest of the loaded backbone is that of the trained one.
    shelves = [p for p in (tmp_path / "features").iterdir() if p.name.startswith("rgb")]
    assert len(shelves) == 1
    assert again["confusion"] == result.metrics["confusion"]
    stages = [json.loads(row)["stage"] for row in (tmp_path / "run" / "history.jsonl").open()]
    assert stages == ["backbone", "temporal"]
