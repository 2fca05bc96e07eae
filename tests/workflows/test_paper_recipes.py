"""The papers' recipes on a few real clips: each trains, evaluates, and its run predicts."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from kinema.inference.load import load
from kinema.resources import Resources
from kinema.workflows.evaluate import evaluate
from kinema.workflows.train import train

# Few steps a clip: the papers' backbones are slow on a processor.
FEW = {
    "vgg16-lstm": ["streams.rgb.sampling.frames=4"],
    "dual-cnn-gru": ["streams.rgb.sampling.frames=4"],
    "corehar": ["streams.rgb.sampling.max_frames=4", "streams.rgb.augment.copies=1"],
    "i3d-gru": [
        f"streams.{name}.sampling.{key}"
        for name in ("rgb", "flow")
        for key in ("length=10", "max_segments=1")
    ],
    "three-stream": [
        *(f"streams.{name}.sampling.{key}" for name in ("rgb", "flow") for key in ("frames=4", "seconds=1")),
        "streams.flow.method=tvl1",
        "streams.rgb.sampling.motion=tvl1",
        "streams.flow.sampling.motion=tvl1",
        "training.backbone.epochs=1",
        "training.backbone.clips_per_video=1",
        "training.val_fraction=0",
        "training.keep=last",
    ],
}


@pytest.fixture(scope="module")
def few_clips(ucf_clips, tmp_path_factory):
    """Two classes, three groups each, the first of them to test on; the path of the CSV."""
    rows = []
    for label in ("Archery", "Surfing"):
        for group, split in (("g01", "test"), ("g08", "train"), ("g09", "train")):
            clip = ucf_clips / "videos" / label / f"v_{label}_{group}_c01.avi"
            if not clip.exists():
                pytest.skip(f"{clip.name} is not in the real data")
            rows.append((str(clip), label, split, group))
    path = tmp_path_factory.mktemp("few") / "few.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file_name", "label", "split", "group"), *rows])
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", FEW)
def test_a_papers_recipe_trains_evaluates_and_predicts(name, few_clips, ucf_clips, tmp_path):
    settings = [*FEW[name], "training.epochs=2"]
    resources = Resources(weights="none", features=tmp_path / "features")
    result = train(few_clips, recipe=name, out=tmp_path / "run", overrides=settings, resources=resources)
    assert result.metrics["n_test"] == 2
    assert any("random weights" in text for text in result.warnings)
    again = evaluate(result.run, few_clips, resources=Resources(features=tmp_path / "features"))
    assert again["confusion"] == result.metrics["confusion"]
    run = load(result.run)
    prediction = run.predict(ucf_clips / "videos" / "Surfing" / "v_Surfing_g01_c01.avi")
    assert prediction.labels == ("Archery", "Surfing")
    assert np.isfinite(prediction.scores).all()
