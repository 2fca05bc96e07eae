"""A training from the folder to the run: what it leaves, what it does not do twice, what it survives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.torch import load_file

import kinema
from kinema.datasets import Dataset
from kinema.errors import UsageError, WorkError
from kinema.recipe import load_recipe
from kinema.resources import Resources
from kinema.workflows.context import TrainOptions, TrainResult
from kinema.workflows.events import Events
from kinema.workflows.train import train

KEYS = {"accuracy", "top3", "top5", "mean_class_accuracy", "majority_baseline", "ci95", "n_test", "split"}
KEYS |= {"confusion", "per_class", "shuffled_accuracy", "quarantined", "absent"}


class Steps(Events):
    """Remembers what was said; `stop_at` breaks off after that epoch."""

    def __init__(self, stop_at: int = 0) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []
        self.stop_at = stop_at

    def step(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def epoch(self, row: object, epochs: int) -> None:
        if self.stop_at and isinstance(row, dict) and row["epoch"] == self.stop_at:
            raise WorkError("power cut")


def metrics(run: Path) -> dict:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads((run / "metrics.json").read_text(encoding="utf-8"), parse_constant=refuse)


def again(
    tiny_run: Path, data: Path, out: Path, events: Steps, *, keep: str = "last", **options: object
) -> TrainResult:
    """Train the recipe of `tiny_run` with its features at hand."""
    recipe = yaml.safe_load((tiny_run / "config.yaml").read_text(encoding="utf-8"))["recipe"]
    recipe["training"]["keep"] = keep
    resources = Resources(features=tiny_run.parent / "features", workers=1, device="cpu")
    given = TrainOptions(**options)  # type: ignore[arg-type]
    return train(data, recipe=recipe, out=out, options=given, resources=resources, events=events)


def test_the_run_is_complete(tiny_run: Path) -> None:
    files = {"config.yaml", "model.safetensors", "metrics.json", "history.jsonl", "report.html", "README.md"}
    assert files <= {p.name for p in tiny_run.iterdir()}
    assert not (tiny_run / "checkpoints").exists()
    history = [json.loads(row) for row in (tiny_run / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in history] == [1, 2]
    config = yaml.safe_load((tiny_run / "config.yaml").read_text(encoding="utf-8"))
    assert config["labels"] == ["strike_bell", "strike_drum", "waving"]
    assert load_recipe(config["recipe"]).data.classes == 3


def test_metrics(tiny_run: Path) -> None:
    found = metrics(tiny_run)
    assert set(found) >= KEYS
    confusion = np.array(found["confusion"])
    assert confusion.sum() == found["n_test"] > 0
    assert found["accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum())
    assert found["ci95"] is None, "one actor is tested: too few groups for an interval"
    assert found["top3"] == 1.0
    assert [row["label"] for row in found["per_class"]] == ["strike_bell", "strike_drum", "waving"]


def test_second_training_extracts_nothing_and_is_the_same(
    tiny_run: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    features = tiny_run.parent / "features"
    times = {p: p.stat().st_mtime_ns for p in features.rglob("*.safetensors")}
    events = Steps()
    again(tiny_run, tiny_videos, tmp_path / "run", events)
    assert {p: p.stat().st_mtime_ns for p in features.rglob("*.safetensors")} == times
    assert sum("are in the store" in text for text in events.said) == 2
    one, two = ((run / "model.safetensors").read_bytes() for run in (tiny_run, tmp_path / "run"))
    assert one == two


def test_interrupted_training_goes_on(tiny_run: Path, tiny_videos: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="power cut"):
        again(tiny_run, tiny_videos, tmp_path / "run", Steps(stop_at=2))
    assert (tmp_path / "run" / "checkpoints").is_dir()
    again(tiny_run, tiny_videos, tmp_path / "run", Steps())
    one, two = ((run / "model.safetensors").read_bytes() for run in (tiny_run, tmp_path / "run"))
    assert one == two


def test_epochs_by_folds_and_the_calibration_are_in_the_run(
    tiny_run: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    events, run = Steps(), tmp_path / "run"
    again(tiny_run, tiny_videos, run, events, keep="folds")
    count = len((run / "training_videos.csv").read_text().splitlines()) - 1
    assert f"choosing the number of epochs by folds of {count} videos" in events.said
    history = [json.loads(row) for row in (run / "history.jsonl").read_text().splitlines()]
    assert 1 <= len(history) <= 2
    assert all(row["val_loss"] > 0 for row in history)
    state = load_file(run / "model.safetensors")
    assert len(state["recognizer.calibration.true_scores"]) == count


def test_moved_run_predicts(tiny_run: Path, tiny_videos: Path, tmp_path: Path) -> None:
    video = next(tiny_videos.parent.rglob("*.mp4"))
    moved = shutil.copytree(tiny_run, tmp_path / "elsewhere" / "moved run")
    here, there = kinema.load(tiny_run), kinema.load(moved)
    np.testing.assert_array_equal(there.predict(video).scores, here.predict(video).scores)
    assert there.predict(str(video)).top(3) == here.predict(video).top(3)
    assert there.predict(video).scores.sum() == pytest.approx(1, abs=1e-5)
    embedding = there.embed(video)
    assert (embedding.shape, embedding.dtype) == ((16,), np.float32)
    np.testing.assert_array_equal(embedding, here.embed(video))


def test_prediction_of_a_file_is_the_evaluation_of_its_features(tiny_run: Path, tiny_videos: Path) -> None:
    """What is decoded in one process now and what workers stored earlier give the same classes."""
    found = metrics(tiny_run)
    run = kinema.load(tiny_run)
    lines = tiny_videos.read_text(encoding="utf-8").splitlines()
    columns = lines[0].split(",")
    rows = [dict(zip(columns, line.split(","), strict=True)) for line in lines[1:]]
    test = [row for row in rows if row.get("split") == "test"]
    assert len(test) == found["n_test"]
    confusion = np.zeros((3, 3), int)
    for row in test:
        best = run.predict(tiny_videos.parent / row["file_name"]).label
        confusion[run.labels.index(row["label"]), run.labels.index(best)] += 1
    assert confusion.tolist() == found["confusion"]


def test_damaged_files_are_left_out_and_counted(tiny_run: Path, tiny_videos: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    for folder in tiny_videos.parent.iterdir():
        if folder.is_dir():
            shutil.copytree(folder, videos / folder.name)
    good = next((videos / "waving").iterdir())
    (videos / "waving" / "empty.mp4").write_bytes(b"")
    (videos / "waving" / "text.mp4").write_text("no video at all")
    (videos / "waving" / "truncated.mp4").write_bytes(good.read_bytes()[: good.stat().st_size // 3])
    events = Steps()
    result = again(tiny_run, videos, tmp_path / "run", events)
    assert result.metrics["quarantined"] == 3
    assert metrics(tmp_path / "run")["quarantined"] == 3
    assert "3 files could not be read and were left out; see quarantine.csv" in events.warned
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    for name in ("empty.mp4", "text.mp4", "truncated.mp4"):
        assert name in report


@pytest.mark.parametrize("copies", [0, 4])
def test_copies_of_a_file_are_on_one_side_of_the_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: int
) -> None:
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(8):
            content = f"{label} {0 if number <= copies else number}"
            (tmp_path / "data" / label / f"{number}.avi").write_text(content)
    given: list[Dataset] = []

    def kept(dataset: Dataset, _: object, folder: Path, *others: object) -> TrainResult:
        given.append(dataset)
        return TrainResult(folder, {})

    monkeypatch.setattr("kinema.workflows.train_once.train_once", kept)
    resources = Resources(features=tmp_path / "features")
    for seed in range(4):
        overrides = [f"training.seed={seed}", "protocol.kind=split"]
        train(
            tmp_path / "data", recipe="tiny", out=tmp_path / "run", overrides=overrides, resources=resources
        )
    for dataset in given:
        sides: dict[str, set[str]] = {}
        for record in dataset.records:
            sides.setdefault(record.content, set()).add(record.split)
        assert all(len(found) == 1 for found in sides.values())
        assert sum(w.startswith("no groups are known") for w in dataset.warnings) == 1
        assert len(sides) == 2 * (8 - copies)
    assert len({tuple(r.split for r in dataset.records) for dataset in given}) > 1


def test_the_number_of_classes_is_not_for_setting(tiny_videos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"data\.classes=7: the number of classes is counted in the data"):
        train(tiny_videos, out=tmp_path / "run", overrides=["data.classes=7"])
    assert not (tmp_path / "run").exists()
