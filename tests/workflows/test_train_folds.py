"""A small folder from videos to run: measured by folds, trained on everything, and honest about both."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from kinema.datasets.synthetic import make_synthetic
from kinema.errors import UsageError, WorkError
from kinema.features.sequence_file import read_sequence
from kinema.inference.load import load
from kinema.media.writer import VideoWriter
from kinema.resources import Resources
from kinema.workflows.context import TrainResult
from kinema.workflows.evaluate import evaluate
from kinema.workflows.train import train
from support.events import Told

SMALL = ("streams.rgb.sampling.fps=2",)
LINE = "measured by 5 folds; the saved model is trained on all 24 videos"
Train = Callable[..., TrainResult]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four clips in two class folders, of no known group."""
    root = tmp_path_factory.mktemp("small")
    size = {"seconds": 0.6, "fps": 10, "width": 64, "height": 48, "sound": False}
    classes = ["walking", "boxing"]
    made = make_synthetic(root / "made", actors=12, clips_per_actor=1, classes=classes, **size)
    for path in made.parent.glob("*/*.mp4"):
        target = root / "videos" / path.parent.name / path.name.replace("_g", "-no")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return root / "videos"


@pytest.fixture(scope="module")
def resources(folder: Path) -> Resources:
    return Resources(weights="none", features=folder.parent / "features", workers=1, device="cpu")


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def run(folder: Path, resources: Resources, told: Told) -> Path:
    out = folder.parent / "run"
    train(folder, recipe="lite", out=out, overrides=SMALL, resources=resources, events=told)
    return out


@pytest.fixture(scope="module")
def metrics(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))


def test_every_video_is_tested_once_and_trained_on_in_the_end(run: Path, metrics: dict) -> None:
    answers = rows(run / "predictions.csv")
    assert len({row["name"] for row in answers}) == len(answers) == metrics["n_test"] == 24
    hits = [row["label"] == row["predicted"] for row in answers]
    assert metrics["accuracy"] == pytest.approx(np.mean(hits))
    assert np.sum(metrics["confusion"]) == 24
    seen = rows(run / "training_videos.csv")
    assert {row["name"] for row in seen} == {row["name"] for row in answers}
    assert {row["split"] for row in seen} == {"train"}
    for fold in (run / "rounds").iterdir():
        tested = {row["name"] for row in rows(fold / "predictions.csv")}
        assert tested.isdisjoint(row["name"] for row in rows(fold / "training_videos.csv"))


def test_what_it_took_counts_the_features_once_and_all_folds(run: Path, metrics: dict) -> None:
    assert metrics["extracted"] == {"rgb": {"computed": 24, "reused": 0}}
    assert metrics["trained_and_tested"] == 6 * 24
    assert metrics["seconds"].keys() >= {"extract rgb", "train temporal", "evaluate", "data"}
    rate = metrics["videos_per_second"]["extraction"]
    assert rate == pytest.approx(24 / metrics["seconds"]["extract rgb"], rel=0.01)
    folds = [json.loads(file.read_text(encoding="utf-8")) for file in run.glob("rounds/*/metrics.json")]
    assert metrics["seconds"]["train temporal"] > sum(fold["seconds"]["train temporal"] for fold in folds)
    assert metrics["peak_memory_mb"] >= max(fold["peak_memory_mb"] for fold in folds) > 100
    for file in ("report.html", "README.md"):
        assert "24 computed, 0 reused" in (run / file).read_text(encoding="utf-8")


def test_the_model_is_that_of_one_training_on_all_videos(run: Path, resources: Resources) -> None:
    """What centres the mean over time is its mean over all videos, whichever fold tested them."""
    files = sorted((resources.features or Path()).rglob("*.safetensors"))
    means = torch.stack([torch.from_numpy(read_sequence(path).data.mean(0)) for path in files])
    assert len(means) == 24
    stream = load(run, resources).sequences.model.streams["rgb"]
    centre = stream.temporal.mean[: means.shape[1]]
    torch.testing.assert_close(centre, stream.encoded(means[:, None]).mean((0, 1)), atol=1e-4, rtol=0)


def test_console_report_and_card_say_so(run: Path, told: Told) -> None:
    line = f"6 test videos are too few for one split: {LINE}"
    assert line in told.notes
    assert told.count("fold ") == 5
    assert told.count("fitting") == 1, "what a fold does is not told again"
    assert len(told.warnings) == len(set(told.warnings))
    assert any("the folds are random" in text for text in told.warnings)
    assert line in (run / "report.html").read_text(encoding="utf-8")
    assert "trained on all 24 videos" in (run / "README.md").read_text(encoding="utf-8")
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    assert config["recipe"]["protocol"]["kind"] == "folds"


def test_curve_and_doubts_are_there(metrics: dict) -> None:
    assert [point["n_train"] for point in metrics["learning_curve"]][-1] == 19
    assert metrics["learning_curve"][-1]["accuracy"] == pytest.approx(metrics["accuracy"], abs=1.5 / 24)
    assert metrics["more_videos"]["answer"] in ("yes", "no", "unclear")
    assert metrics["more_videos"]["head"] == "own"
    assert isinstance(metrics["label_doubts"], list)


def test_candidates_are_the_classes_above_the_bound(run: Path, folder: Path, resources: Resources) -> None:
    loaded = load(run, resources)
    with pytest.raises(UsageError, match="cannot be held with 24 held-out videos"):
        loaded.bound(0.01)
    # The fifth of 24 held-out scores bounds a risk of a fifth: floor(0.2 * 25).
    calibration = loaded.sequences.model.calibration
    assert calibration is not None
    bound = loaded.bound(0.2)
    assert bound == pytest.approx(float(calibration.true_scores[4]))
    counts = set()
    for video in sorted(folder.glob("*/*.mp4"))[::4]:
        prediction = loaded.predict(video)
        found = loaded.candidates(prediction, 0.2)
        scores = dict(zip(loaded.labels, prediction.scores.tolist(), strict=True))
        assert set(found) == {name for name, score in scores.items() if score >= bound}
        assert list(found) == sorted(found, key=lambda name: -scores[name])
        counts.add(len(found))
    assert 1 in counts <= {0, 1, 2}


def test_calibration_is_in_the_report(run: Path, metrics: dict) -> None:
    report = (run / "report.html").read_text(encoding="utf-8")
    assert f"expected calibration error {metrics['ece']:.3f}" in " ".join(report.split())
    assert 0 <= metrics["ece"] <= 1


def test_wrong_labels_are_shown_as_film_strips(tmp_path: Path, resources: Resources) -> None:
    """Red clips and blue ones; one red clip is called blue."""
    random = np.random.default_rng(0)
    for name, shade in (("red", (220, 30, 30)), ("blue", (30, 30, 220))):
        for i in range(12):
            other = name == "red" and i == 5
            path = tmp_path / "videos" / ("blue" if other else name) / f"{name}{i}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            with VideoWriter(path, fps=10, width=64, height=48) as writer:
                for _ in range(6):
                    writer.write(np.clip(shade + random.normal(0, 25, (48, 64, 3)), 0, 255).astype(np.uint8))
    out = tmp_path / "run"
    found = train(tmp_path / "videos", recipe="lite", out=out, overrides=SMALL, resources=resources)
    (doubt,) = found.metrics["label_doubts"]
    assert (doubt["name"], doubt["label"], doubt["predicted"]) == ("blue/red5.mp4", "blue", "red")
    assert "Are these labels right?" in (out / "report.html").read_text(encoding="utf-8")


def test_a_class_of_three_videos(folder: Path, resources: Resources, tmp_path: Path) -> None:
    data = shutil.copytree(folder, tmp_path / "videos")
    (data / "jumping").mkdir()
    for video in sorted((data / "walking").iterdir())[:3]:
        video.rename(data / "jumping" / video.name)
    log = Told()
    found = train(data, recipe="lite", out=tmp_path / "run", overrides=SMALL, resources=resources, events=log)
    assert found.metrics["n_test"] == 24
    assert len(found.metrics["confusion"]) == 3
    assert any("3 to 12 training videos" in text for text in log.warnings)


def test_a_finished_one_is_returned_and_another_protocol_refused(
    run: Path, folder: Path, resources: Resources, metrics: dict
) -> None:
    log = Told()
    again = train(folder, recipe="lite", out=run, overrides=SMALL, resources=resources, events=log)
    assert again.metrics == metrics
    assert log.count("fold ") == log.count("the saved model") == 0
    with pytest.raises(UsageError, match="with other settings"):
        train(folder, recipe="lite", out=run, overrides=[*SMALL, "protocol.kind=split"], resources=resources)


def test_one_split_where_it_is_asked_for(folder: Path, resources: Resources, tmp_path: Path) -> None:
    settings = [*SMALL, "protocol.kind=split"]
    found = train(folder, recipe="lite", out=tmp_path / "run", overrides=settings, resources=resources)
    assert found.metrics["n_test"] == 6
    assert not (tmp_path / "run" / "rounds").exists()
    assert found.metrics["learning_curve"][-1]["n_train"] == 18
    assert "protocol" not in found.metrics


def test_evaluation_on_the_same_videos_gives_the_folds_figure(
    run: Path, folder: Path, resources: Resources, metrics: dict
) -> None:
    figure = f"folds measured its accuracy, {metrics['accuracy']:.1%} of 24"
    with pytest.raises(UsageError, match=f"was trained on all 24 videos; {figure}; give videos"):
        evaluate(run, folder, resources=resources)


class Cut(Told):
    """Breaks off where the saved model is trained."""

    def step(self, text: str) -> None:
        super().step(text)
        if text.startswith("fitting"):
            raise WorkError("power cut")


def test_what_was_interrupted_goes_on(
    run: Path, folder: Path, resources: Resources, tmp_path: Path, metrics: dict
) -> None:
    out = tmp_path / "run"
    with pytest.raises(WorkError, match="power cut"):
        train(folder, recipe="lite", out=out, overrides=SMALL, resources=resources, events=Cut())
    done = {p: p.stat().st_mtime_ns for p in out.glob("rounds/*/model.safetensors")}
    assert len(done) == 5
    assert not (out / "training.json").exists()
    found = train(folder, recipe="lite", out=out, overrides=SMALL, resources=resources)
    assert {p: p.stat().st_mtime_ns for p in done} == done
    assert found.metrics["accuracy"] == metrics["accuracy"]
    assert (out / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()


def test_a_broken_file_and_a_class_of_one(folder: Path, resources: Resources, tmp_path: Path) -> None:
    """Of two jumps one cannot be read: the other is trained on, and never tested."""
    data = shutil.copytree(folder, tmp_path / "videos")
    (data / "jumping").mkdir()
    one = min((data / "walking").iterdir())
    one.rename(data / "jumping" / "a.mp4")
    (data / "jumping" / "b.mp4").write_text("no video")
    log = Told()
    settings = [*SMALL, "protocol.folds=2"]
    found = train(
        data, recipe="lite", out=tmp_path / "run", overrides=settings, resources=resources, events=log
    )
    assert found.metrics["n_test"] == 23
    assert found.metrics["quarantined"] == 1
    assert found.metrics["protocol"]["trained_on"] == 24
    assert any(text.startswith("1 video never tested") and "jumping" in text for text in log.warnings)
    assert any("could not be read" in text for text in found.warnings)
