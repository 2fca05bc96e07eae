"""From long videos with segments to a run that answers when, and what is said of data that is not right."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from kinema.cli.app import app
from kinema.datasets.synthetic import make_long
from kinema.errors import UsageError
from kinema.inference.load import load
from kinema.inference.timeline import found_segments
from kinema.media.reader import VideoReader
from kinema.resources import Resources
from kinema.workflows.context import TrainOptions, TrainResult
from kinema.workflows.evaluate import evaluate
from kinema.workflows.scan import scan
from kinema.workflows.train import train

RECIPE = {
    "name": "small",
    "streams": {
        "rgb": {
            "input": "rgb", "backbone": "small_cnn", "weights": "none",
            "sampling": {"kind": "windows", "length": 3, "stride": 1},
        },
    },
    "temporal": {"kind": "gru", "units": 8, "pool": "none"},
    "classifier": {"activation": "sigmoid", "per_step": True, "vote": "max"},
    "timeline": {"chunk": 32, "folds": 2},
    "training": {"epochs": 2, "batch": 4, "lr": 0.01},
}  # fmt: skip
TASK = TrainOptions(task="timeline")


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    return make_long(
        folder / "set", actors=4, seconds=24, fps=4, width=64, height=48, classes=["waving", "squatting"]
    )


@pytest.fixture(scope="module")
def resources(segments: Path) -> Resources:
    features = segments.parent.parent / "features"
    return Resources(weights="none", features=features, workers=1, device="cpu")


@pytest.fixture(scope="module")
def result(segments: Path, resources: Resources) -> TrainResult:
    """All four files have both classes, of which one file is given a segment that is wrong."""
    rows = list(csv.reader(segments.open(newline="")))
    names = sorted({row[0] for row in rows[1:]})
    table = [["file_name", "label", "start", "end", "split"]]
    for number, name in enumerate(names):
        split = "test" if number == 3 else "train"
        table += [[name, "waving", "2", "7", split], [name, "squatting", "9", "14.03", split]]
    table += [[names[0], "waving", "40", "50", "train"], [names[0], "waving", "20", "90", "train"]]
    table += [[names[1], "squatting", "16.01", "16.02", "train"]]
    marked = segments.parent / "marked.csv"
    with marked.open("w", newline="") as file:
        csv.writer(file).writerows(table)
    return train(marked, recipe=RECIPE, out=segments.parent.parent / "run", options=TASK, resources=resources)


def test_the_run_holds_figures_a_report_and_segments(result: TrainResult) -> None:
    metrics = json.loads((result.run / "metrics.json").read_text())
    for key in ("f1_10", "f1_25", "f1_50", "edit", "map_frame", "map_tiou", "accuracy"):
        assert 0 <= metrics[key] <= 1
    assert set(metrics["baselines"]) == {
        "always background", "sliding windows", "sliding windows, the unsure left out",
    }  # fmt: skip
    assert metrics["n_test"] == 1
    report = (result.run / "report.html").read_text(encoding="utf-8")
    assert report.count('class="timeline"') == 1
    assert "segmental F1 at 50" in report
    assert "--timeline" in (result.run / "README.md").read_text()
    assert (result.run / "predictions.csv").read_text().startswith("name,start,end,label,score,reported")


def test_a_backbone_learns_from_the_segments_and_is_part_of_the_run(
    result: TrainResult, segments: Path, resources: Resources
) -> None:
    stream = {**RECIPE["streams"]["rgb"], "train_blocks": 4, "batch_norm": "train"}  # type: ignore[index]
    stage = {"unit": "clip", "epochs": 3, "batch": 16, "lr": 0.01}
    recipe = {**RECIPE, "streams": {"rgb": stream}, "training": {**RECIPE["training"], "backbone": stage}}  # type: ignore[dict-item]
    out = segments.parent.parent / "released"
    train(segments.parent / "marked.csv", recipe=recipe, out=out, options=TASK, resources=resources)
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    losses = [row["train_loss"] for row in history if row["stage"] == "backbone-rgb"]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
    run, video = load(out, resources), segments.parent / "long_g04_c01.mp4"
    frozen = load(result.run, resources)
    assert not np.allclose(run.features(video)["rgb"].data, frozen.features(video)["rgb"].data)
    rows = list(csv.DictReader((out / "predictions.csv").open(newline="")))
    assert [(row["label"], row["start"]) for row in rows] == [
        (f.segment.label, f"{f.segment.start_seconds:.3f}") for f in found_segments(run, video)
    ]


def test_what_is_wrong_with_segments_is_counted_and_named(result: TrainResult) -> None:
    told = "\n".join(result.warnings)
    assert "1 segment outside their file, left out: in long_g01_c01.mp4" in told
    assert "1 segment longer than their file, cut at its end: in long_g01_c01.mp4" in told
    assert "1 file with segments shorter than a step: long_g02_c01.mp4" in told


def test_a_finished_run_is_returned_and_other_segments_are_another_run(
    result: TrainResult, segments: Path, resources: Resources
) -> None:
    marked = segments.parent / "marked.csv"
    stamp = (result.run / "model.safetensors").stat().st_mtime_ns
    train(marked, recipe=RECIPE, out=result.run, options=TASK, resources=resources)
    assert (result.run / "model.safetensors").stat().st_mtime_ns == stamp
    other = segments.parent / "other.csv"
    other.write_text(marked.read_text().replace("9,14.03", "9,15"))
    with pytest.raises(UsageError, match="holds a finished run"):
        train(other, recipe=RECIPE, out=result.run, options=TASK, resources=resources)


def test_predict_is_what_the_report_was_made_of(
    result: TrainResult, segments: Path, resources: Resources
) -> None:
    run = load(result.run, resources)
    video = segments.parent / "long_g04_c01.mp4"
    found = found_segments(run, video)
    rows = list(csv.DictReader((result.run / "predictions.csv").open(newline="")))
    assert [(row["label"], row["start"]) for row in rows] == [
        (f.segment.label, f"{f.segment.start_seconds:.3f}") for f in found
    ]
    assert run.segments(video) == [f.segment for f in found]
    scores = run.predict(video).scores
    assert scores.shape == (2,)
    steps = run.sequences.model.step_scores(run.features(video)["rgb"])  # type: ignore[operator]
    np.testing.assert_allclose(scores, steps.max(0), atol=1e-5)


def test_predict_writes_what_other_programs_read(
    result: TrainResult, segments: Path, resources: Resources, tmp_path: Path
) -> None:
    video = str(segments.parent / "long_g04_c01.mp4")
    files = [
        "--out",
        str(tmp_path / "a.srt"),
        "--csv",
        str(tmp_path / "a.csv"),
        "--annotate",
        str(tmp_path / "a.mp4"),
    ]
    called = CliRunner().invoke(app, ["predict", str(result.run), video, "--timeline", "--json", *files])
    assert called.exit_code == 0, called.output
    (told,) = json.loads(called.stdout)
    assert all(set(row) == {"start", "end", "label", "score"} for row in told["timeline"])
    assert (tmp_path / "a.srt").read_text().count(" --> ") == len(told["timeline"])
    with VideoReader(tmp_path / "a.mp4") as reader:
        assert len(list(reader.read())) == 96
    called = CliRunner().invoke(app, ["predict", str(result.run), video, "--timeline", "--window", "3"])
    assert isinstance(called.exception, UsageError)
    assert "--window is for runs of clips" in str(called.exception)


def test_evaluate_gives_the_figures_of_files_that_were_not_seen(
    result: TrainResult, segments: Path, resources: Resources, tmp_path: Path
) -> None:
    told = evaluate(result.run, segments.parent / "marked.csv", out=tmp_path / "e", resources=resources)
    for key in ("f1_50", "accuracy", "edit", "map_frame"):
        assert told[key] == result.metrics[key]
    assert told["n_trained_on"] == 0
    assert (tmp_path / "e" / "report.html").is_file()
    text = (segments.parent / "marked.csv").read_text().replace(",train", ",test")
    everything = segments.parent / "everything.csv"
    everything.write_text(text)
    assert evaluate(result.run, everything, resources=resources)["n_trained_on"] == 3
    everything.write_text(text.replace("waving", "flying"))
    with pytest.raises(UsageError, match=r"class 'flying' of .* is unknown"):
        evaluate(result.run, everything, resources=resources)


def test_scan_says_that_parts_may_be_segments(segments: Path) -> None:
    told = "\n".join(scan(segments, exact=False).warnings)
    assert "with several parts" in told
    assert "train --task timeline reads them" in told


def test_a_wrong_call_is_refused_at_once(segments: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="recipe lite scores whole videos; for timelines take timeline"):
        train(segments, recipe="lite", out=tmp_path, options=TASK)
    with pytest.raises(UsageError, match="unknown task 'when'; use auto, clips, timeline"):
        TrainOptions(task="when")
    with pytest.raises(UsageError, match="recipe timeline is for timelines; leave --task out"):
        train(segments, recipe="timeline", out=tmp_path, options=TrainOptions(task="clips"))
    with pytest.raises(UsageError, match=r"`timeline` needs `classifier"):
        train(segments, recipe="timeline", out=tmp_path, overrides=["classifier.activation=softmax"])
    with pytest.raises(UsageError, match="learns from stored features"):
        train(segments, recipe="timeline", out=tmp_path, overrides=["streams.rgb.augment.copies=1"])
