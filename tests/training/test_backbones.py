"""Training backbones: what changes and what does not, on videos and on clips, and what validation decides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kinema.errors import UsageError
from kinema.extraction.loaded import TRAINED, LoadedStream, load_streams
from kinema.inference.load import load
from kinema.model.build import build_recognizer
from kinema.model.recognizer import Recognizer
from kinema.recipe import Recipe, load_recipe
from kinema.resources import Resources
from kinema.training.backbones import ClipClassifier, EndToEnd, clip_streams, train_backbones
from kinema.training.clips import ClipItem, Clips, VideoDataset, collate_clips
from kinema.training.stage import FitOptions, Row
from kinema.workflows.evaluate import evaluate
from kinema.workflows.train import train

UNITS = pytest.mark.parametrize("unit", ["clip", "video"])


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


def backbone(unit: str, **settings: Any) -> Recipe:
    """The recipe with these settings of the backbone stage."""
    settings = {"unit": unit, "epochs": 1, **settings}
    return recipe(*(f"training.backbone.{key}={json.dumps(value)}" for key, value in settings.items()))


def assembled(chosen: Recipe) -> tuple[dict[str, LoadedStream], Recognizer]:
    parts = load_streams(chosen.streams, Resources(device="cpu", offline=True))
    torch.manual_seed(0)
    dims = {name: stream.dim for name, stream in parts.items()}
    return parts, build_recognizer(chosen, dims, chosen.data.classes)


def trained(
    chosen: Recipe, items: list[ClipItem], folder: Path, val: list[ClipItem] | None = None, **options: Any
) -> tuple[LoadedStream, LoadedStream, list[Row]]:
    """The stream before, the stream after, and the history."""
    parts, model = assembled(chosen)
    sources = clip_streams(chosen, parts)
    after, history = train_backbones(
        chosen,
        parts,
        model,
        Clips(items, sources, parts["rgb"].tools),
        Clips(val or [], sources, parts["rgb"].tools),
        FitOptions(folder / "checkpoints", device="cpu", **options),
    )
    return parts["rgb"], after["rgb"], history


def values(part: LoadedStream) -> dict[str, torch.Tensor]:
    return part.backbones[0].module.state_dict()


def changed(before: LoadedStream, after: LoadedStream) -> set[str]:
    return {name for name, value in values(before).items() if not torch.equal(value, values(after)[name])}


@UNITS
def test_only_the_released_blocks_change(unit: str, clip_items: list[ClipItem], tmp_path: Path) -> None:
    chosen = recipe("streams.rgb.train_blocks=2", f"training.backbone.unit={unit}")
    before, after, history = trained(chosen, clip_items[:3], tmp_path)
    names = changed(before, after)
    assert {n.split(".")[1] for n in names} == {"2", "3"}
    assert not any("running" in n or "num_batches" in n for n in names)
    assert [row["stage"] for row in history] == ["backbone" if unit == "video" else "backbone-rgb"]
    assert after.backbones[0].source == TRAINED
    assert not any(p.requires_grad for p in after.backbones[0].module.parameters())
    assert not after.backbones[0].module.training


def test_batch_norm_statistics_move_where_asked(clip_items: list[ClipItem], tmp_path: Path) -> None:
    before, after, _ = trained(
        recipe("streams.rgb.train_blocks=1", "streams.rgb.batch_norm=train"), clip_items[:3], tmp_path
    )
    names = changed(before, after)
    assert {n.split(".")[1] for n in names} == {"3"}
    assert any("running_mean" in n for n in names)


def test_trained_backbones_have_a_digest_and_a_shelf_of_their_own(
    clip_items: list[ClipItem], tmp_path: Path
) -> None:
    before, after, _ = trained(recipe(), clip_items[:3], tmp_path)
    assert after.backbones[0].digest != before.backbones[0].digest
    assert after.settings() != before.settings()
    again = before.with_backbones([after.backbones[0].module])
    assert again.settings() == after.settings()


def test_unit_video_needs_every_stream() -> None:
    chosen = recipe()
    audio = {"input": "audio", "backbone": "yamnet"}
    raw = chosen.model_dump(mode="json")
    both = load_recipe(raw | {"streams": {**raw["streams"], "audio": audio}, "fusion": {"kind": "concat"}})
    parts, model = assembled(chosen)
    two = {**parts, "audio": replace(parts["rgb"], name="audio", spec=both.streams["audio"])}
    none = Clips([], {}, two["rgb"].tools)
    with pytest.raises(UsageError, match=r"streams\.audio\.train_blocks is 0.*unit=clip$"):
        train_backbones(both, two, model, none, none, FitOptions(Path("c")))


def test_a_batch_of_unit_clip_counts_clips(
    clip_items: list[ClipItem], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three videos of two clips each in batches of four: four and two, and other orders than by video."""
    seen: list[list[int]] = []
    forward = ClipClassifier.forward

    def spy(self: ClipClassifier, batch: Any) -> Any:
        seen.append(batch.labels.tolist())
        return forward(self, batch)

    monkeypatch.setattr(ClipClassifier, "forward", spy)
    _, _, history = trained(backbone("clip", batch=4, epochs=4), clip_items[:3], tmp_path)
    assert [len(labels) for labels in seen] == [4, 2] * 4
    assert all(sorted(a + b) == [0, 0, 1, 1, 2, 2] for a, b in zip(seen[::2], seen[1::2], strict=True))
    assert any(sorted(a) != sorted(b) for a, b in zip(seen[::2], seen[2::2], strict=False))
    assert len(history) == 4


@UNITS
def test_training_stops_when_the_validation_loss_does_not_fall(
    unit: str, clip_items: list[ClipItem], tmp_path: Path
) -> None:
    """At a rate that changes nothing the first epoch is the best, and three more are borne."""
    chosen = backbone(unit, epochs=20, lr=1e-30, stop_after=3)
    _, _, history = trained(chosen, clip_items[:3], tmp_path, clip_items[3:])
    assert len({row["val_loss"] for row in history}) == 1
    assert len(history) == 4


@UNITS
def test_the_best_epoch_is_kept(unit: str, clip_items: list[ClipItem], tmp_path: Path) -> None:
    """Its values are those of a training that ends there."""
    settings = {"epochs": 6, "lr": 0.3, "batch": 2}
    _, best, history = trained(
        backbone(unit, keep="best", **settings), clip_items[:3], tmp_path / "1", clip_items[3:]
    )
    losses = [row["val_loss"] for row in history]
    epochs = losses.index(min(losses)) + 1
    assert epochs < 6, "the last epoch is the best: the test shows nothing"
    _, short, _ = trained(
        backbone(unit, **settings | {"epochs": epochs}), clip_items[:3], tmp_path / "2", clip_items[3:]
    )
    _, last, _ = trained(backbone(unit, **settings), clip_items[:3], tmp_path / "3", clip_items[3:])
    assert not changed(best, short)
    assert changed(best, last)


@UNITS
def test_class_balance_counts(unit: str, clip_items: list[ClipItem], tmp_path: Path) -> None:
    """With weights, the loss is the mean of the classes' losses; without, the mean over items."""
    many = [clip_items[0], clip_items[3], clip_items[1]]  # classes 0, 0 and 1

    def first_loss(name: str, items: list[ClipItem], **settings: Any) -> float:
        chosen = backbone(unit, batch=8, lr=1e-30, **settings)
        return trained(chosen, items, tmp_path / name)[2][0]["train_loss"]

    zero, one = first_loss("zero", many[:2]), first_loss("one", many[2:])
    assert zero != pytest.approx(one, rel=1e-4)
    assert first_loss("none", many) == pytest.approx((2 * zero + one) / 3, rel=1e-5)
    weighted = first_loss("weights", many, class_balance="weights")
    assert weighted == pytest.approx((zero + one) / 2, rel=1e-5)
    drawn = first_loss("sampler", many, class_balance="sampler")
    assert drawn != pytest.approx((2 * zero + one) / 3, rel=1e-5)


@UNITS
def test_augmented_clips_are_trained_on_however_versions_are_kept(
    unit: str, clip_items: list[ClipItem], tmp_path: Path
) -> None:
    """Whether the temporal stage reads stored versions or none is nothing to the backbone stage."""
    runs = []
    for kept in ("{}", "{flip: 1.0, copies: 1}", "{flip: 1.0}", "null"):
        chosen = load_recipe(backbone(unit, lr=0.02), [f"streams.rgb.augment={kept}"])
        runs.append(trained(chosen, clip_items[:3], tmp_path / str(len(runs)))[1])
    same, stored, mirrored, none = runs
    assert not changed(same, none)
    assert not changed(stored, mirrored)
    assert changed(mirrored, none)


class Killed(Exception):
    """Stands for the power cut."""


@UNITS
def test_resumed_equals_uninterrupted(unit: str, clip_items: list[ClipItem], tmp_path: Path) -> None:
    augment = "streams.rgb.augment={crop: random, flip: 0.5, on_the_fly: true}"
    chosen = load_recipe(backbone(unit, epochs=4, lr=0.02, batch=2, keep="best"), [augment])

    def kill(row: Row, epochs: int) -> None:
        if row["epoch"] == 3:
            raise Killed

    _, whole, rows = trained(chosen, clip_items[:3], tmp_path / "whole", clip_items[3:])
    with pytest.raises(Killed):
        trained(chosen, clip_items[:3], tmp_path / "cut", clip_items[3:], on_epoch=kill)
    _, resumed, again = trained(chosen, clip_items[:3], tmp_path / "cut", clip_items[3:], resume=True)
    assert [{**row, "seconds": 0} for row in again] == [{**row, "seconds": 0} for row in rows]
    assert not changed(whole, resumed)


def test_videos_of_different_lengths_are_kept_apart(clip_items: list[ClipItem]) -> None:
    """A batch of two videos scores as each video by itself."""
    parts, model = assembled(recipe())
    dataset = VideoDataset(Clips(clip_items[:2], {"rgb": parts["rgb"].spec}, parts["rgb"].tools))
    first, second = dataset[0], dataset[1]
    short = ({"rgb": first[0]["rgb"][:1]}, first[1])
    module = EndToEnd({"rgb": [parts["rgb"].backbones[0].module]}, model).eval()
    with torch.no_grad():
        both = module(collate_clips([short, second])).logits
        for row, alone in zip(both, (short, second), strict=True):
            torch.testing.assert_close(module(collate_clips([alone])).logits[0], row)


def test_run_keeps_its_backbones(tiny_videos: Path, tmp_path: Path) -> None:
    """Saved and loaded, the run predicts what it predicted; its test features are not augmented.

    Validation videos are set aside before the backbone is trained: its history has their loss.
    """
    resources = Resources(features=tmp_path / "features", workers=1, device="cpu")
    short = [
        "training.backbone.epochs=1",
        "training.epochs=1",
        "temporal.units=4",
        "training.val_fraction=0.3",
    ]
    result = train(tiny_videos, recipe="tiny", overrides=short, out=tmp_path / "run", resources=resources)
    run = load(tmp_path / "run", Resources(device="cpu"))
    assert run.config.backbones["rgb"][0]["source"] == TRAINED
    again = evaluate(tmp_path / "run", tiny_videos, resources=resources)
    # Nothing was extracted anew: the digest of the loaded backbone is that of the trained one.
    shelves = [p for p in (tmp_path / "features").iterdir() if p.name.startswith("rgb")]
    assert len(shelves) == 1
    assert again["confusion"] == result.metrics["confusion"]
    rows = [json.loads(row) for row in (tmp_path / "run" / "history.jsonl").open()]
    assert [row["stage"] for row in rows] == ["backbone", "temporal"]
    assert all("val_loss" in row for row in rows)
