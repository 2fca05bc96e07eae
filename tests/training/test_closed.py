"""Moments and their closed form on stored features: what time alone decides, several streams, state."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kinema.evaluation.score import score_items
from kinema.features.sequence_file import SequenceWriter
from kinema.model.build import build_recognizer
from kinema.model.items import FeatureItem
from kinema.model.recognizer import JointRecognizer
from kinema.recipe import load_recipe
from kinema.training.closed import fit_closed

DIM = 6


def stored(path: Path, data: np.ndarray) -> Path:
    writer = SequenceWriter(path, DIM)
    writer.append(data.astype(np.float32), [float(t) for t in range(len(data))])
    writer.commit()
    return path


def ramps(folder: Path, count: int, streams: tuple[str, ...] = ("x",)) -> list[FeatureItem]:
    """Two classes of equal mean and spread: features that rise, and the same that fall; a pair is a unit."""
    random, items = np.random.default_rng(0), []
    rise = random.normal(size=DIM)
    for i in range(count):
        steps = int(random.integers(8, 16))
        data = np.linspace(-1, 1, steps)[:, None] * rise + random.normal(size=(steps, DIM))
        for label, ordered in enumerate((data, data[::-1])):
            files = {s: stored(folder / f"{s}-{i}-{label}.safetensors", ordered) for s in streams}
            items.append(FeatureItem(files, label, f"clip {i}"))
    return items


def made(streams: tuple[str, ...] = ("x",), fusion: str = "concat", **temporal: object) -> JointRecognizer:
    stream = {"input": "rgb", "sampling": {"kind": "rate", "fps": 8}, "backbone": "mobilenet_v2"}
    recipe = load_recipe(
        {
            "name": "closed",
            "data": {"classes": 2},
            "streams": dict.fromkeys(streams, stream),
            "temporal": {"kind": "moments", **temporal},
            **({"fusion": {"kind": fusion}} if len(streams) > 1 else {}),
        }
    )
    model = build_recognizer(recipe, dict.fromkeys(streams, DIM), 2)
    assert isinstance(model, JointRecognizer)
    return model


def accuracy(model: JointRecognizer, items: list[FeatureItem]) -> float:
    return float((score_items(model, items).argmax(1) == [i.label for i in items]).mean())


def test_order_is_found_where_it_alone_decides(tmp_path: Path) -> None:
    items = ramps(tmp_path, 60)
    train, test = items[:80], items[80:]
    even, all_of_time = made(statistics=["mean", "spread", "steps"]), made(statistics=["mean", "halves"])
    fit_closed(even, train)
    (row,) = fit_closed(all_of_time, train)
    assert accuracy(even, test) == 0.5
    assert accuracy(all_of_time, test) > 0.85
    assert row["share x.halves"] > 0
    assert row["val_accuracy"] > 0.85


def test_scores_are_calibrated_probabilities_and_state_goes_there_and_back(tmp_path: Path) -> None:
    items = ramps(tmp_path, 40, ("x", "y"))
    model = made(("x", "y"), statistics=["mean", "halves"])
    (row,) = fit_closed(model, items)
    scores = score_items(model, items)
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-5)
    assert model.calibration is not None
    assert len(model.calibration.true_scores) == len(items)
    names = {"share x.mean", "share x.halves", "share y.mean", "share y.halves"}
    assert {key for key in row if key.startswith("share ")} == names
    again = made(("x", "y"), statistics=["mean", "halves"])
    again.load_tensors(model.tensors())
    np.testing.assert_array_equal(score_items(again.eval(), items), scores)
    assert again.calibration.temperature == pytest.approx(model.calibration.temperature)
    again.calibration = None
    assert np.abs(score_items(again, items) - scores).max() > 1e-3


def scenes_and_motions(folder: Path, count: int) -> list[FeatureItem]:
    """The class is whether the motion is the one that goes with the scene: neither alone tells it."""
    random, items = np.random.default_rng(1), []
    scene, motion = random.normal(size=(2, DIM))
    for i in range(count):
        signs = random.choice([-1.0, 1.0], size=2)
        files = {}
        for stream, sign, what in zip(("scene", "motion"), signs, (scene, motion), strict=True):
            data = sign * what + random.normal(size=(9, DIM)) / 2
            files[stream] = stored(folder / f"{stream}-{i}.safetensors", data)
        items.append(FeatureItem(files, int(signs.prod() > 0), f"clip {i}"))
    return items


def test_what_a_motion_means_in_its_scene_takes_products_of_streams(tmp_path: Path) -> None:
    items, streams = scenes_and_motions(tmp_path, 120), ("scene", "motion")
    beside = made(streams, statistics=["mean"])
    products = made(streams, "bilinear", statistics=["mean", "spread"], statistics_of={"motion": ["mean"]})
    fit_closed(beside, items[:80])
    (row,) = fit_closed(products, items[:80])
    assert accuracy(beside, items[80:]) < 0.7
    assert accuracy(products, items[80:]) > 0.95
    shares = {key.removeprefix("share ") for key in row if key.startswith("share ")}
    assert shares == {"scene.mean", "scene.spread", "motion.mean", "scene x motion"}
    again = made(streams, "bilinear", statistics=["mean", "spread"], statistics_of={"motion": ["mean"]})
    again.load_tensors(products.tensors())
    np.testing.assert_array_equal(score_items(again.eval(), items), score_items(products, items))


def test_no_fold_cuts_a_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items, seen = ramps(tmp_path, 20), {}
    from kinema.model import ridge

    real = ridge.fit

    def spy(*args: object, **options: object) -> object:
        seen.update(options)
        return real(*args, **options)

    monkeypatch.setattr(ridge, "fit", spy)
    fit_closed(made(statistics=["mean"]), items)
    by_unit = {item.unit: set() for item in items}
    for item, fold in zip(items, seen["folds"], strict=True):
        by_unit[item.unit].add(fold)
    assert all(len(folds) == 1 for folds in by_unit.values())
    assert len(set(seen["folds"])) == 5


def test_one_unit_alone_is_fitted_without_folds_and_without_calibration(tmp_path: Path) -> None:
    items = ramps(tmp_path, 1)
    model = made(statistics=["halves"])
    (row,) = fit_closed(model, items)
    assert model.calibration is None
    assert "val_loss" not in row
    assert accuracy(model, items) == 1
    assert torch.isfinite(torch.from_numpy(score_items(model, items))).all()


def test_a_closed_form_is_trained_without_lightning() -> None:
    """What it takes seconds to import."""
    code = (
        "import sys, kinema.workflows.train_once, kinema.training.closed\n"
        "assert 'torch' in sys.modules\n"
        "sys.exit(' '.join({'lightning', 'torchvision', 'timm', 'openvino'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
