"""Trainings watched by Lightning's loggers: told of every row; one that is absent is refused at once."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger

from kinema.errors import UsageError
from kinema.training import loggers
from kinema.workflows import context
from kinema.workflows.context import LOGGERS, TrainOptions
from support.recipes import WITH_GRU


def test_names_that_are_none_and_packages_that_are_absent(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="unknown logger 'csv'; use tensorboard, mlflow, wandb"):
        TrainOptions(logger="csv")
    monkeypatch.setattr(context, "find_spec", lambda name: None)
    for name in LOGGERS:
        with pytest.raises(UsageError, match=rf"pip install 'kinema\[{name}\]'"):
            TrainOptions(logger=name)


@pytest.mark.skipif(find_spec("wandb") is not None, reason="wandb is here")
def test_a_missing_package_is_refused_before_torch_and_before_the_data():
    code = (
        "import sys; from kinema.cli.app import app; from kinema.errors import UsageError\n"
        "try: app(['train', 'absent', '--out', 'run', '--logger', 'wandb'])\n"
        "except UsageError as error: assert 'kinema[wandb]' in str(error)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_extra_is_declared():
    import tomllib

    root = Path(__file__).resolve().parents[2]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(LOGGERS) <= set(extras)


def test_train_passes_the_logger_on(tiny_videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Lightning's own logger of CSV files stands for one whose package is not here."""
    import csv
    import json

    import kinema

    asked = []

    def make(name: str, folder: Path) -> CSVLogger:
        asked.append((name, folder))
        return CSVLogger(folder, name="log", version="")

    monkeypatch.setattr(context, "find_spec", lambda name: True)
    monkeypatch.setattr("kinema.workflows.train_model.make_logger", make)
    kinema.train(
        tiny_videos,
        recipe="lite",
        out=tmp_path / "run",
        overrides=[WITH_GRU, "training.epochs=3", "temporal.units=4"],
        options=TrainOptions(logger="tensorboard"),
        resources=kinema.Resources(weights="none", features=tmp_path / "store", workers=1, device="cpu"),
    )
    assert asked == [("tensorboard", tmp_path / "run")]
    rows = list(csv.DictReader((tmp_path / "run" / "log" / "metrics.csv").open()))
    history = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    logged = [(int(r["step"]), float(r["temporal/train_loss"])) for r in rows]
    assert logged == [(h["epoch"], pytest.approx(h["train_loss"])) for h in history]


def test_each_name_has_its_logger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from lightning.pytorch import loggers as lightnings

    made = {}
    for kind in ("TensorBoardLogger", "MLFlowLogger", "WandbLogger"):
        monkeypatch.setattr(
            lightnings, kind, lambda *a, kind=kind, **k: made.setdefault(kind, (a, k)) and kind
        )
    kinds = [loggers.make_logger(name, tmp_path / "run") for name in LOGGERS]
    assert kinds == ["TensorBoardLogger", "MLFlowLogger", "WandbLogger"]
    assert all(str(tmp_path / "run") in str(value) for value in made.values())
