"""A recipe that takes KTH's files whole, as the vgg16-lstm paper does, from training to evaluation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kinema.recipe import load_recipe
from kinema.resources import Resources
from kinema.workflows.context import TrainOptions
from kinema.workflows.embed import embed_dataset
from kinema.workflows.evaluate import evaluate
from kinema.workflows.extract import extract_dataset
from kinema.workflows.train import train

RECIPE = {
    "name": "mine",
    "data": {"whole_files": True},
    "streams": {
        "rgb": {"input": "rgb", "sampling": {"kind": "uniform", "frames": 2}, "backbone": "mobilenet_v2"}
    },
    "temporal": {"kind": "gru", "units": 4},
    "training": {"epochs": 1},
}
PEOPLE = {"person11": "train", "person12": "train", "person22": "test", "person02": "test"}


@pytest.fixture
def kth(tiny_videos: Path, tmp_path: Path) -> Path:
    """Two actions of four people, a file of ten frames each, cut into two sequences by the list."""
    lines = []
    for action, source in (("boxing", "waving"), ("running", "strike_drum")):
        clips = sorted((tiny_videos.parent / source).glob("*.mp4"))
        for person, clip in zip(PEOPLE, clips, strict=True):
            name = f"{person}_{action}_d1"
            (tmp_path / "kth").mkdir(exist_ok=True)
            shutil.copy(clip, tmp_path / "kth" / f"{name}_uncomp.avi")
            lines.append(f"{name} frames 1-5, 6-10\n")
    (tmp_path / "kth" / "00sequences.txt").write_text("".join(lines))
    return tmp_path / "kth"


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    return Resources(weights="none", features=tmp_path / "features", workers=1, device="cpu")


def test_from_training_to_evaluation(kth: Path, resources: Resources, tmp_path: Path) -> None:
    run = train(kth, recipe=RECIPE, out=tmp_path / "run", resources=resources).run
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["n_test"] == 2 * 2
    other = shutil.copytree(kth, tmp_path / "other")
    for path in other.glob("person1*"):
        path.unlink()
    assert evaluate(run, other, resources=resources)["n_test"] == 2 * 2
    assert embed_dataset(run, kth, tmp_path / "v.parquet", resources=resources).videos == 8


def test_a_layout_that_is_given_is_taken(kth: Path, resources: Resources, tmp_path: Path) -> None:
    result = train(
        kth, recipe=RECIPE, out=tmp_path / "run", options=TrainOptions(layout="kth"), resources=resources
    )
    assert result.metrics["n_test"] == 2 * 2 * 2
    cut = extract_dataset(kth, recipe=RECIPE, overrides=["data.whole_files=false"], resources=resources)
    assert cut["videos"] == 16
    assert extract_dataset(kth, recipe=RECIPE, resources=resources)["videos"] == 8


def test_the_recipe_of_the_paper_asks_for_it() -> None:
    assert load_recipe("vgg16-lstm").data.whole_files
    assert not load_recipe("lite").data.whole_files
