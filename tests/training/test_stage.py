"""A stage that is stopped and resumed equals a whole one; what stops it, what it keeps, what it reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from kinema.errors import WorkError
from kinema.features.sequence_file import SequenceWriter
from kinema.model.build import build_recognizer
from kinema.model.head import loss
from kinema.model.items import FeatureDataset, FeatureItem, collate
from kinema.model.recognizer import Recognizer
from kinema.recipe import Training, load_recipe
from kinema.training.fit import fit
from kinema.training.samplers import EpochSampler
from kinema.training.stage import FitOptions, Row, Stage, run_stage

DIM, CLASSES = 6, 3


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[FeatureItem]:
    """Eighteen random sequences of two to five steps, with random classes."""
    folder, random = tmp_path_factory.mktemp("features"), np.random.default_rng(0)
    made = []
    for i in range(18):
        writer = SequenceWriter(folder / f"{i}.safetensors", DIM)
        data = random.normal(size=(2 + i % 4, DIM)).astype(np.float32)
        writer.append(data, [float(t) for t in range(len(data))])
        writer.commit()
        made.append(FeatureItem({"rgb": folder / f"{i}.safetensors"}, i % CLASSES))
    return made


def recognizer(**training: Any) -> Recognizer:
    stream = {"input": "rgb", "sampling": {"kind": "uniform", "frames": 3}, "backbone": "mobilenet_v2"}
    recipe = load_recipe(
        {
            "name": "stage",
            "streams": {"rgb": stream},
            "temporal": {"units": 5, "layers": 2, "dropout": 0.4},
            "training": {"epochs": 4, "batch": 4, "lr": 0.03, **training},
        }
    )
    torch.manual_seed(7)
    return build_recognizer(recipe, {"rgb": DIM}, CLASSES)


def run(
    model: Recognizer,
    items: list[FeatureItem],
    folder: Path,
    *,
    resume: bool = False,
    on_epoch: Callable[[Row], None] = lambda row: None,
    on_note: Callable[[str], None] = lambda text: None,
) -> list[Row]:
    options = FitOptions(
        folder, resume=resume, device="cpu", on_epoch=lambda row, epochs: on_epoch(row), on_note=on_note
    )
    return fit(model, items[:12], items[12:], options)


class Killed(Exception):
    """Stands for the power cut."""


def kill_at(epoch: int) -> Callable[[Row], None]:
    def check(row: Row) -> None:
        if row["epoch"] == epoch:
            raise Killed

    return check


def without_time(rows: list[Row]) -> list[Row]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def assert_equal(one: Recognizer, two: Recognizer) -> None:
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name]), name


def test_a_resumed_stage_says_from_which_epoch(items: list[FeatureItem], tmp_path: Path) -> None:
    notes: list[str] = []
    with pytest.raises(Killed):
        run(recognizer(), items, tmp_path, on_epoch=kill_at(3), on_note=notes.append)
    assert notes == []
    # Epoch 3 was told of but not yet kept.
    run(recognizer(), items, tmp_path, resume=True, on_note=notes.append)
    assert notes == ["stage temporal goes on from epoch 3 of 4"]
    run(recognizer(), items, tmp_path, resume=True, on_note=notes.append)
    assert len(notes) == 1, "nothing is left to do"


@pytest.mark.parametrize(
    "training",
    [
        {"schedule": {"kind": "plateau", "every": 1, "factor": 0.5}, "lr": 0.5, "optimizer": "rmsprop"},
        {"schedule": {"kind": "step", "every": 2, "factor": 0.5}, "optimizer": "sgd", "momentum": 0.9},
        {"schedule": {"kind": "cosine"}, "keep": "best", "class_balance": "sampler"},
    ],
    ids=["plateau", "step", "cosine"],
)
@pytest.mark.parametrize("epoch", [2, 4])
def test_resumed_equals_uninterrupted(
    training: dict[str, Any], epoch: int, items: list[FeatureItem], tmp_path: Path
) -> None:
    whole = recognizer(**training)
    rows = run(whole, items, tmp_path / "whole")
    with pytest.raises(Killed):
        run(recognizer(**training), items, tmp_path / "cut", on_epoch=kill_at(epoch))
    torch.manual_seed(99)  # another process has another random state
    resumed = recognizer(**training)
    again = run(resumed, items, tmp_path / "cut", resume=True)
    assert without_time(again) == without_time(rows)
    assert_equal(resumed, whole)


def test_finished_stage_is_not_trained_further(items: list[FeatureItem], tmp_path: Path) -> None:
    first, second = recognizer(lr=0.5, stop_after=1, epochs=30), recognizer(lr=0.5, stop_after=1, epochs=30)
    rows = run(first, items, tmp_path)
    assert len(rows) < 30
    assert run(second, items, tmp_path, resume=True) == rows
    assert_equal(first, second)


def test_without_resume_a_checkpoint_is_ignored(items: list[FeatureItem], tmp_path: Path) -> None:
    run(recognizer(), items, tmp_path)
    rows = run(recognizer(epochs=1), items, tmp_path)
    assert [row["epoch"] for row in rows] == [1]


def test_modules_train_in_training_mode(items: list[FeatureItem], tmp_path: Path) -> None:
    """Whatever mode they come in: dropout then changes the losses."""
    modes: list[bool] = []
    model = recognizer(epochs=1).eval()
    run(model, items, tmp_path, on_epoch=lambda row: modes.append(model.streams["rgb"].training))
    assert modes == [True]
    assert not model.training


def test_history(items: list[FeatureItem], tmp_path: Path) -> None:
    seen: list[Row] = []
    schedule = {"kind": "step", "every": 2, "factor": 0.1}
    rows = run(recognizer(schedule=schedule, lr=0.01), items, tmp_path, on_epoch=seen.append)
    assert rows == seen
    keys = {"stage", "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "seconds"}
    assert [set(row) for row in rows] == [keys] * 4
    assert [(row["stage"], row["epoch"]) for row in rows] == [("temporal", e) for e in (1, 2, 3, 4)]
    # The rate that the epoch was trained with.
    assert [row["lr"] for row in rows] == pytest.approx([0.01, 0.01, 0.001, 0.001])


def test_history_without_validation(items: list[FeatureItem], tmp_path: Path) -> None:
    rows = fit(recognizer(epochs=1), items, [], FitOptions(tmp_path, device="cpu"))
    assert set(rows[0]) == {"stage", "epoch", "train_loss", "train_accuracy", "lr", "seconds"}


def test_loss_and_accuracy_are_means_over_items(items: list[FeatureItem], tmp_path: Path) -> None:
    """With a learning rate of almost nothing, the last short batch must not weigh as much as a whole one."""
    model = recognizer(epochs=1, lr=1e-30, batch=4)
    row = fit(model, items[:12], items[12:17], FitOptions(tmp_path, device="cpu"))[0]
    batch = collate([FeatureDataset(items)[i] for i in range(12, 17)])
    with torch.no_grad():
        output = model(batch.streams)
    assert row["val_loss"] == pytest.approx(float(loss(output, batch.labels, "softmax")), rel=1e-5)
    hits = (output.logits.argmax(1) == batch.labels).float().mean()
    assert row["val_accuracy"] == pytest.approx(float(hits))


def test_keep_best_restores_the_best_epoch(items: list[FeatureItem], tmp_path: Path) -> None:
    """The kept values give the lowest validation loss of the history again."""
    model = recognizer(keep="best", lr=0.2, epochs=5)
    rows = run(model, items, tmp_path / "best")
    losses = [row["val_loss"] for row in rows]
    assert losses.index(min(losses)) < 4, "the last epoch is the best: the test shows nothing"
    batch = collate([FeatureDataset(items)[i] for i in range(12, 18)])
    with torch.no_grad():
        value = loss(model(batch.streams), batch.labels, "softmax")
    assert float(value) == pytest.approx(min(losses), rel=1e-5)


def test_early_stopping(items: list[FeatureItem], tmp_path: Path) -> None:
    rows = run(recognizer(stop_after=2, lr=0.3, epochs=40), items, tmp_path)
    losses = [row["val_loss"] for row in rows]
    assert len(rows) < 40
    assert losses.index(min(losses)) == len(rows) - 3


class Curve(nn.Module):
    """A value to train, and the validation loss that each epoch is to have."""

    def __init__(self, losses: list[float]):
        super().__init__()
        self.value, self.losses, self.epoch = nn.Parameter(torch.zeros(1)), losses, 0


def curve_objective(module: nn.Module, batch: torch.Tensor) -> tuple[torch.Tensor, int, int]:
    assert isinstance(module, Curve)
    loss = 0 * module.value.sum()
    return (loss if module.training else loss + module.losses[module.epoch]), 0, len(batch)


def follow(
    losses: list[float], folder: Path, *, cut: int | None = None, resume: bool = False, **spec: Any
) -> list[Row]:
    """The history of a stage with these validation losses; `cut` is the epoch at which it is killed."""
    module = Curve(losses)

    def on_epoch(row: Row, epochs: int) -> None:
        assert epochs == len(losses)
        module.epoch = row["epoch"]
        if row["epoch"] == cut:
            raise Killed

    if resume:
        module.epoch = torch.load(folder / "curve.ckpt", weights_only=True)["epoch"] + 1
    train = DataLoader(torch.arange(2), sampler=EpochSampler([0, 0], seed=0))
    settings = Training(epochs=len(losses), optimizer="sgd", lr=1.0, **spec)
    options = FitOptions(folder, resume=resume, device="cpu", on_epoch=on_epoch)
    val = DataLoader(torch.arange(1))
    return run_stage(Stage("curve", module, curve_objective, train, val, settings, 0, options))


LOSSES = [3.0, 2.0, *[2.0] * 3, 2.5, *[2.0] * 20]


@pytest.mark.parametrize("cut", [None, 5, 11, 12])
def test_it_stops_after_so_many_epochs_without_gain(cut: int | None, tmp_path: Path) -> None:
    """The second epoch is the best, and ten more are trained, also where one of them was begun twice."""
    spec = {"stop_after": 10, "schedule": {"kind": "plateau", "every": 5, "factor": 0.1}}
    if cut:
        with pytest.raises(Killed):
            follow(LOSSES, tmp_path, cut=cut, **spec)
    rows = follow(LOSSES, tmp_path, resume=cut is not None, **spec)
    assert [row["val_loss"] for row in rows] == LOSSES[:12]
    assert [row["lr"] for row in rows] == pytest.approx([1.0] * 7 + [0.1] * 5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_not_finite_loss(bad: float, items: list[FeatureItem], tmp_path: Path) -> None:
    """Features are checked when they are read, so that it is the model's values that are not finite here."""
    model = recognizer(batch=1)
    next(model.parameters()).data.fill_(bad)
    with pytest.raises(WorkError, match=r"'temporal'.*not finite at epoch 1, step \d+; lower training\.lr$"):
        fit(model, items[:4], [], FitOptions(tmp_path, device="cpu"))


def test_interruption_by_the_keyboard_is_passed_on(items: list[FeatureItem], tmp_path: Path) -> None:
    """So that the caller decides: the command line says that the work can go on."""

    def interrupt(row: Row) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recognizer(), items, tmp_path, on_epoch=interrupt)


def test_checkpoints_load_without_code(items: list[FeatureItem], tmp_path: Path) -> None:
    run(recognizer(keep="best", stop_after=9, schedule={"kind": "plateau"}), items, tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.name == "temporal.ckpt"
    checkpoint = torch.load(file, weights_only=True)
    assert checkpoint["epoch"] == 3


@pytest.mark.parametrize("training", [{}, {"keep": "best", "stop_after": 2, "lr": 0.5, "epochs": 9}])
@pytest.mark.parametrize("validated", [False, True])
def test_watched_videos_decide_nothing(
    training: dict[str, Any], validated: bool, items: list[FeatureItem], tmp_path: Path
) -> None:
    """Values and all other columns are the same without them, and theirs are those of the model itself."""
    val = items[8:12] if validated else []
    alone, watching, seen = recognizer(**training), recognizer(**training), []

    def look(row: Row, epochs: int) -> None:
        seen.append(scored(watching, items[12:]))

    rows = fit(alone, items[:8], val, FitOptions(tmp_path / "a", device="cpu"))
    options = FitOptions(tmp_path / "b", device="cpu", on_epoch=look)
    watched = fit(watching, items[:8], val, options, watched=items[12:])
    kept = [{k: v for k, v in row.items() if not k.startswith("test_")} for row in watched]
    assert without_time(kept) == without_time(rows)
    assert_equal(watching, alone)
    found = [(row["test_loss"], row["test_accuracy"]) for row in watched]
    assert found == [pytest.approx(pair, abs=1e-5) for pair in seen]


def scored(model: Recognizer, items: list[FeatureItem]) -> tuple[float, float]:
    """Mean loss and accuracy over items, one by one, without dropout."""
    model.eval()
    with torch.no_grad():
        batches = [collate([FeatureDataset([item])[0]]) for item in items]
        kind = model.recipe.classifier.activation
        losses = [float(loss(model(b.streams), b.labels, kind)) for b in batches]
        hits = [bool(model.class_scores(b.streams).argmax(1) == b.labels) for b in batches]
    model.train()
    return float(np.mean(losses)), float(np.mean(hits))
