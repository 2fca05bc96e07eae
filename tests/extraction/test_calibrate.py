"""int8: networks that are calibrated once, kept in the store and in the run, and believed by their digest."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from kinema.backbones.calibrated import read_network
from kinema.errors import UsageError
from kinema.extraction import calibrate
from kinema.extraction.extract import items_of
from kinema.features.sequence_file import read_sequence
from kinema.features.store import FeatureStore
from kinema.inference.load import load
from kinema.resources import Resources
from kinema.types import VideoRecord
from kinema.workflows.evaluate import evaluate
from kinema.workflows.extract import extract_dataset
from kinema.workflows.train import train
from support.digests import digest_files

pytest.importorskip("nncf")

RECIPE = {
    "name": "small",
    "streams": {
        "rgb": {
            "input": "rgb",
            "sampling": {"kind": "windows", "length": 3, "stride": 2},
            "backbone": "small_cnn",
            "weights": "none",
        }
    },
    "temporal": {"kind": "mean"},
    "training": {"epochs": 1},
}


def resources(folder: Path, **options) -> Resources:
    return Resources(features=folder, workers=1, device="cpu", **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("int8")


@pytest.fixture(scope="module")
def run(folder, tiny_videos) -> Path:
    """A run in int8; its features lie beside it."""
    asked = resources(folder / "features", precision="int8")
    return train(tiny_videos, recipe=RECIPE, out=folder / "run", resources=asked).run


@pytest.fixture
def calibrations(monkeypatch) -> list[str]:
    done: list[str] = []
    real = calibrate._quantized

    def quantized(backbone, steps):
        done.append(f"{backbone.spec.name} on {len(steps)} steps")
        return real(backbone, steps)

    monkeypatch.setattr(calibrate, "_quantized", quantized)
    return done


def test_a_run_elsewhere_gives_the_features_that_training_stored(run, tiny_videos, tmp_path):
    there = shutil.copytree(run, tmp_path / "elsewhere")
    loaded = load(there, Resources(device="cpu"))
    assert loaded.config.data["precision"] == "int8"
    stream = loaded.streams["rgb"]
    assert stream.settings()["calibrated"] == [read_network(there / "int8", "rgb-0").digest]
    (shelf,) = (run.parent / "features").glob("rgb-*")
    assert len(list(shelf.glob("*/*.safetensors"))) == 12
    path = sorted(tiny_videos.parent.glob("*/*.mp4"))[0]
    (item,) = items_of([VideoRecord(path, "")], digest_files([path])[0], lambda _: 0)
    kept = read_sequence(stream.shelf(FeatureStore(run.parent / "features")).path(item.key))
    found = loaded.features(path)["rgb"]
    assert found.data.tobytes() == kept.data.tobytes()
    exact = load(there, Resources(device="cpu", precision="fp32")).features(path)["rgb"]
    difference = np.linalg.norm(found.data - exact.data) / np.linalg.norm(exact.data)
    assert 1e-4 < difference < 0.1


@pytest.mark.parametrize("damage", ["values", "layers", "gone", "exchanged"])
def test_another_network_than_the_runs_own_is_refused(run, tmp_path, damage):
    there = shutil.copytree(run, tmp_path / "run")
    values, layers = there / "int8" / "rgb-0.bin", there / "int8" / "rgb-0.xml"
    if damage == "gone":
        values.unlink()
    elif damage == "exchanged":
        network = read_network(there / "int8", "rgb-0")
        type(network)(network.xml, bytes(len(network.bin))).write(there / "int8", "rgb-0")
    else:
        path = values if damage == "values" else layers
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(UsageError, match=r"int8/rgb-0.xml or .bin is not the run's own; copy the run again"):
        load(there, Resources(device="cpu"))
    load(there, Resources(device="cpu", precision="fp32"))  # which needs none


def test_a_run_without_networks_cannot_be_used_in_int8(tiny_run):
    with pytest.raises(UsageError, match="has no networks in int8; train with --precision int8, or leave"):
        load(tiny_run, Resources(device="cpu", precision="int8"))


@pytest.mark.slow
def test_a_store_keeps_its_networks_and_makes_damaged_ones_anew(tiny_videos, tmp_path, calibrations):
    asked = resources(tmp_path, precision="int8")
    first = extract_dataset(tiny_videos, recipe=RECIPE, resources=asked)["streams"]["rgb"]
    assert first["extracted"] == 12
    again = extract_dataset(tiny_videos, recipe=RECIPE, resources=asked)["streams"]["rgb"]
    assert (again["fingerprint"], again["reused"]) == (first["fingerprint"], 12)
    # Nine videos to train on; a window of 3 every 2 frames of 10 gives 4 steps, of which every fourth counts.
    assert calibrations == ["small_cnn on 9 steps"]
    (values,) = (tmp_path / "int8").glob("*/0.bin")
    values.write_bytes(values.read_bytes()[:-4])
    extract_dataset(tiny_videos, recipe=RECIPE, resources=asked)
    assert len(calibrations) == 2
    exact = extract_dataset(tiny_videos, recipe=RECIPE, resources=resources(tmp_path))["streams"]["rgb"]
    assert exact["fingerprint"] != first["fingerprint"]


def test_precisions_are_compared_on_the_same_videos(tiny_run, tiny_videos, tmp_path):
    videos = tmp_path / "videos"
    for number, path in enumerate(sorted(tiny_videos.parent.glob("*/*.mp4"))):
        target = videos / path.parent.name / f"{number}.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes() + b"\0" * 8)  # another content: videos that it has not seen
    metrics = evaluate(
        tiny_run,
        videos,
        out=tmp_path / "out",
        compare=True,
        resources=resources(tmp_path / "features"),
    )
    rows = {row["precision"]: row for row in metrics["precisions"]}
    assert list(rows) == ["fp32", "bf16", "int8"]
    assert rows["fp32"]["agreement"] == 1
    assert rows["fp32"]["accuracy"] == metrics["accuracy"]
    assert rows["fp32"]["note"] == "the run's own"
    assert rows["int8"]["note"] == "calibrated on these videos"
    for row in rows.values():
        assert row["agreement"] >= 10 / 12
        assert abs(row["accuracy"] - metrics["accuracy"]) <= 2 / 12
    assert rows["fp32"]["seconds_per_video"] > 0
    assert rows["int8"]["seconds_per_video"] > 0
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Test videos in each precision" in report
    assert len([name for name in os.listdir(tmp_path / "features") if name.startswith("rgb-")]) == 3


def test_without_nncf_int8_is_refused_with_the_cure(tiny_videos, tmp_path, monkeypatch):
    real = calibrate.importlib.util.find_spec
    monkeypatch.setattr(
        calibrate.importlib.util, "find_spec", lambda name: None if name == "nncf" else real(name)
    )
    with pytest.raises(UsageError, match="NNCF, which is not installed; pip install nncf"):
        extract_dataset(tiny_videos, recipe=RECIPE, resources=resources(tmp_path, precision="int8"))
