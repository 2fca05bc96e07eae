"""The number of epochs by folds: what they see, what they choose, and what they leave behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.errors import UsageError
from kinema.evaluation.score import score_items
from kinema.features.sequence_file import SequenceWriter
from kinema.model.build import build_recognizer
from kinema.model.items import FeatureItem
from kinema.model.recognizer import JointRecognizer
from kinema.recipe import Recipe, load_recipe
from kinema.training.fit import fit
from kinema.training.folds import fit_by_folds, unit_folds
from kinema.training.stage import FitOptions

DIM, EPOCHS = 8, 6


def made(folder: Path, units: int, noise: float) -> list[FeatureItem]:
    """Two classes apart by a shift, `noise` of the labels wrong; four clips a unit."""
    random, items = np.random.default_rng(0), []
    shift = random.normal(size=DIM)
    for i in range(4 * units):
        writer = SequenceWriter(folder / f"{i}.safetensors", DIM)
        data = (shift if i % 2 else -shift) + 2 * random.normal(size=(3, DIM))
        writer.append(data.astype(np.float32), [0.0, 1.0, 2.0])
        writer.commit()
        label = 1 - i % 2 if random.random() < noise else i % 2
        items.append(FeatureItem({"x": folder / f"{i}.safetensors"}, label, f"unit {i // 4}"))
    return items


def recipe(**changes: object) -> Recipe:
    stream = {"input": "rgb", "sampling": {"kind": "uniform", "frames": 3}, "backbone": "mobilenet_v2"}
    return load_recipe(
        {
            "name": "folds",
            "data": {"classes": 2},
            "streams": {"x": stream},
            "temporal": {"kind": "gru", "units": 16},
            "training": {"epochs": EPOCHS, "batch": 8, "lr": 0.03, "keep": "folds"},
            **changes,
        }
    )


def recognizer() -> JointRecognizer:
    torch.manual_seed(0)
    model = build_recognizer(recipe(), {"x": DIM}, 2)
    assert isinstance(model, JointRecognizer)
    return model


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[FeatureItem]:
    return made(tmp_path_factory.mktemp("features"), units=9, noise=0.3)


def test_no_fold_cuts_a_unit(items: list[FeatureItem]) -> None:
    found = unit_folds(items, 3, seed=0)
    assert found is not None
    assert len({(item.unit, fold) for item, fold in zip(items, found, strict=True)}) == 9
    assert set(found) == {0, 1, 2}
    assert unit_folds(items[:4], 3, seed=0) is None
    assert set(unit_folds([FeatureItem(item.files, item.label) for item in items[:2]], 3, 0) or []) == {0, 1}


def test_epochs_calibration_and_history_are_those_of_trainings_by_hand(
    items: list[FeatureItem], tmp_path: Path
) -> None:
    notes: list[str] = []
    model = recognizer()
    history = fit_by_folds(model, items, FitOptions(tmp_path, device="cpu", on_note=notes.append))

    labels, found = np.array([i.label for i in items]), np.array(unit_folds(items, 3, seed=0))
    probabilities = np.zeros((EPOCHS, len(items), 2))
    for fold in range(3):
        train = [items[i] for i in np.flatnonzero(found != fold)]
        held = np.flatnonzero(found == fold)
        for epoch in range(EPOCHS):
            by_hand = recognizer()
            fit(by_hand, train, [], FitOptions(None, device="cpu"), stop_at=epoch + 1)
            probabilities[epoch, held] = score_items(by_hand, [items[i] for i in held])
    losses = []
    for given in probabilities:
        logits, grid = np.log(given), np.logspace(-2, 1, 31)
        tempered = [np.exp(logits / t) / np.exp(logits / t).sum(1, keepdims=True) for t in grid]
        smooth = [
            -np.log(p[range(36), labels]).sum() * 37 / 38 - np.log(p[range(36), 1 - labels]).sum() / 38
            for p in tempered
        ]
        best = int(np.argmin(smooth))
        losses.append((-np.log(tempered[best][range(36), labels]).mean(), grid[best]))
    best = int(np.argmin([loss for loss, _ in losses]))
    assert best < EPOCHS - 1  # or nothing would be chosen here
    assert len(history) == best + 1
    assert notes == [f"{best + 1} of {EPOCHS} epochs, by 3 folds of the training videos"]
    assert model.calibration is not None
    assert model.calibration.temperature == pytest.approx(losses[best][1])
    assert len(model.calibration.true_scores) == len(items)
    for row, given in zip(history, probabilities, strict=False):
        assert row["val_loss"] == pytest.approx(-np.log(given[range(36), labels]).mean(), abs=1e-5)
        assert row["val_accuracy"] == pytest.approx((given.argmax(1) == labels).mean())

    whole = recognizer()
    fit(whole, items, [], FitOptions(None, device="cpu"), stop_at=best + 1)
    for name, value in whole.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_resumed_it_is_the_same(items: list[FeatureItem], tmp_path: Path) -> None:
    def stop(row: dict[str, object], epochs: int) -> None:
        raise KeyboardInterrupt

    whole, part, again = recognizer(), recognizer(), recognizer()
    fit_by_folds(whole, items, FitOptions(tmp_path / "a", device="cpu"))
    with pytest.raises(KeyboardInterrupt):
        fit_by_folds(part, items, FitOptions(tmp_path / "b", device="cpu", on_epoch=stop))
    fit_by_folds(again, items, FitOptions(tmp_path / "b", resume=True, device="cpu"))
    np.testing.assert_array_equal(score_items(again, items), score_items(whole, items))


def test_one_unit_alone_is_trained_for_all_epochs(tmp_path: Path) -> None:
    items, notes = made(tmp_path, units=1, noise=0), []
    model = recognizer()
    history = fit_by_folds(model, items, FitOptions(None, device="cpu", on_note=notes.append))
    assert len(history) == EPOCHS
    assert model.calibration is None
    assert notes == ["one group alone has no folds: trained for all epochs, not calibrated"]


@pytest.mark.parametrize(
    ("changes", "cure"),
    [
        ({"training": {"keep": "folds", "stop_after": 3}}, "leave `stop_after`"),
        ({"training": {"keep": "folds", "val_fraction": 0.2}}, "leave `stop_after`"),
        ({"classifier": {"activation": "sigmoid"}}, "softmax scores of whole videos"),
        (
            {"classifier": {"per_step": True, "vote": "mean"}, "temporal": {"kind": "gru", "pool": "none"}},
            "softmax scores of whole videos",
        ),
    ],
)
def test_what_folds_cannot_be_joined_with(changes: dict[str, object], cure: str) -> None:
    with pytest.raises(UsageError, match=cure):
        recipe(**changes)
