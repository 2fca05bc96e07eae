"""Protocols end to end on a tiny synthetic set: every round a run, the whole a run, nothing done twice."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from kinema.datasets.synthetic import make_synthetic
from kinema.errors import UsageError
from kinema.inference.load import load
from kinema.resources import Resources
from kinema.workflows.train import TrainOptions, train
from support.events import Told
from support.recipes import WITH_GRU

SMALL = (
    WITH_GRU,
    "streams.rgb.backbone=small_cnn",
    "streams.rgb.sampling={kind: windows, length: 3, stride: 3}",
    "training.epochs=2",
    "temporal.units=8",
    "training.val_fraction=0",
)


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    """Sixteen clips of two classes and four actors; the path of their CSV."""
    root = tmp_path_factory.mktemp("set") / "videos"
    settings = {"seconds": 0.6, "fps": 10, "width": 64, "height": 48, "sound": False}
    return make_synthetic(root, actors=4, clips_per_actor=2, classes=["walking", "boxing"], **settings)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def run_protocol(small_set, features, tmp_path):
    """Call with settings; the same features serve every test."""

    def call(*settings, data=small_set, out=tmp_path / "run", **options):
        log = Told()
        result = train(
            data,
            recipe="lite",
            out=out,
            overrides=[*SMALL, *settings],
            options=TrainOptions(**options),
            resources=Resources(weights="none", features=features),
            events=log,
        )
        return result, log

    return call


def saved(folder):
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def test_leave_one_group_out_makes_a_run_of_runs(run_protocol, small_set):
    result, log = run_protocol("protocol.kind=leave_one_group_out")
    folders = sorted(p.name for p in (result.run / "rounds").iterdir())
    assert folders == [f"without-g0{i}-seed-0" for i in (1, 2, 3, 4)]
    assert log.count("stream rgb: extracting") <= 1
    whole, parts = saved(result.run), [saved(result.run / "rounds" / f) for f in folders]
    assert whole == json.loads(json.dumps(result.metrics))
    assert whole["accuracy"] == pytest.approx(np.mean([p["accuracy"] for p in parts]))
    assert whole["confusion"] == np.sum([p["confusion"] for p in parts], 0).tolist()
    assert whole["n_test"] == 16
    assert whole["protocol"]["std"]["accuracy"] == pytest.approx(
        np.std([p["accuracy"] for p in parts], ddof=1)
    )
    assert whole["protocol"]["model"].removeprefix("rounds/") in folders
    assert sum(whole["extracted"]["rgb"].values()) == 16  # once, for all rounds
    assert [part["extracted"] for part in parts] == [{"rgb": {"computed": 0, "reused": 16}}] * 4
    assert whole["trained_and_tested"] == 4 * 16
    for name in ("train temporal", "evaluate"):
        assert whole["seconds"][name] == pytest.approx(sum(p["seconds"][name] for p in parts), abs=0.01)
    report = (result.run / "report.html").read_text(encoding="utf-8")
    assert "Protocol" in report
    assert all(f"without g0{i}" in report for i in (1, 2, 3, 4))


def test_the_whole_predicts_as_its_chosen_round_does(run_protocol, small_set):
    result, _ = run_protocol("protocol.kind=random_and_group")
    assert result.metrics["protocol"]["model"] == "rounds/by-group-seed-0"
    video = small_set.parent / "boxing" / "boxing_g01_c01.mp4"
    whole, part = load(result.run), load(result.run / "rounds" / "by-group-seed-0")
    assert np.array_equal(whole.predict(video).scores, part.predict(video).scores)
    assert whole.config.recipe.protocol.kind == "random_and_group"
    report = (result.run / "report.html").read_text(encoding="utf-8")
    assert "Random beside group-aware" in report


def test_finished_rounds_are_not_repeated_and_other_settings_are(run_protocol):
    first, _ = run_protocol("protocol.kind=split", "protocol.seeds=2")
    kept = (first.run / "rounds" / "split-1-seed-0" / "model.safetensors").stat().st_mtime_ns
    with pytest.raises(UsageError, match=r"holds a finished run with other settings.*--overwrite"):
        run_protocol("protocol.kind=split", "protocol.seeds=3")
    again, log = run_protocol("protocol.kind=split", "protocol.seeds=3", overwrite=True)
    assert [n.split(" is finished")[0] for n in log.notes] == ["split-1-seed-0", "split-1-seed-1"]
    assert (first.run / "rounds" / "split-1-seed-0" / "model.safetensors").stat().st_mtime_ns == kept
    assert log.count("training on") == 1
    assert len(again.metrics["protocol"]["per_seed"]) == 3
    assert [r["seed"] for r in again.metrics["protocol"]["rounds"]] == [0, 1, 2]
    _, log = run_protocol("protocol.seeds=2", "training.epochs=1", overwrite=True)
    assert log.notes == []
    same, log = run_protocol("protocol.seeds=2", "training.epochs=1")
    assert log.count("training on") == 0
    assert len(log.notes) == 1
    assert saved(same.run) == json.loads(json.dumps(same.metrics))
    _, log = run_protocol("protocol.seeds=2", "training.epochs=1", overwrite=True)
    assert log.count("training on") == 2


def test_the_report_shows_answers_of_every_round(run_protocol, small_set):
    """Every miss of the pooled matrix is listed, and predictions.csv holds every round's answers."""
    result, _ = run_protocol("protocol.kind=leave_one_group_out")
    rows = list(csv.DictReader((result.run / "predictions.csv").open(encoding="utf-8")))
    assert len(rows) == 16
    assert {row["group"] for row in rows} == {"g01", "g02", "g03", "g04"}
    pooled = np.zeros((2, 2), int)
    for row in rows:
        pooled[["boxing", "walking"].index(row["label"]), ["boxing", "walking"].index(row["predicted"])] += 1
    assert pooled.tolist() == result.metrics["confusion"]
    report = (result.run / "report.html").read_text(encoding="utf-8")
    missed = [row["name"] for row in rows if row["label"] != row["predicted"]]
    assert missed, "two epochs are not enough for everything"
    assert all(name in report for name in missed)
    assert "the model of round without g0" in report


def test_a_difference_beyond_uncertainty_is_warned_about(run_protocol, monkeypatch):
    monkeypatch.setattr("kinema.evaluation.protocols.differ", lambda a, b: True)
    result, log = run_protocol("protocol.kind=random_and_group")
    warning = "compare with other systems by the group-aware figure"
    assert any(warning in text for text in result.warnings)
    assert any(warning in text for text in log.warnings)
    assert warning in (result.run / "report.html").read_text(encoding="utf-8")


def test_a_file_that_cannot_be_read_is_left_out_of_every_round(run_protocol, small_set, tmp_path):
    root = tmp_path / "videos"
    shutil.copytree(small_set.parent, root)
    (root / "boxing" / "boxing_g02_c01.mp4").write_text("no video")
    result, _ = run_protocol("protocol.kind=leave_one_group_out", data=root / "annotations.csv")
    assert result.metrics["n_test"] == 15
    assert result.metrics["quarantined"] == 1
    assert any("could not be read" in text for text in result.warnings)


def test_official_splits_and_people_refuse_other_data(run_protocol, tmp_path):
    with pytest.raises(UsageError, match="no official splits"):
        run_protocol("protocol.kind=official_splits")
    with pytest.raises(UsageError, match="person01 to person25"):
        run_protocol("protocol.kind=people")
    assert not (tmp_path / "run" / "rounds").exists()


@pytest.mark.parametrize(
    ("setting", "held_out"),
    [
        ("training.keep=last", False),
        ("training.keep=best", True),
        ("training.stop_after=3", True),
        ("training.val_fraction=0.2", True),
        ("training.backbone={keep: last}", False),
        ("training.backbone={keep: best}", True),
        ("training.backbone={stop_after: 3}", True),
    ],
)
def test_validation_people_are_held_out_where_any_stage_watches_them(
    run_protocol, monkeypatch, setting, held_out
):
    asked = []

    def stop(*_args, validation, **_options):
        asked.append(validation)
        raise UsageError("enough")

    monkeypatch.setattr("kinema.workflows.trainable_rounds.rounds", stop)
    with pytest.raises(UsageError, match="enough"):
        run_protocol("protocol.kind=people", setting)
    assert asked == [held_out]


def test_official_splits_of_a_faked_hmdb51(run_protocol, small_set, tmp_path):
    root = tmp_path / "hmdb"
    lists = root / "testTrainMulti_7030_splits"
    lists.mkdir(parents=True)
    for label in ("walking", "boxing"):
        shutil.copytree(small_set.parent / label, root / label)
        names = sorted(p.name for p in (root / label).iterdir())
        for split in (1, 2, 3):
            tags = ["2" if f"_g0{split}_" in name else "1" for name in names]
            lines = [f"{n} {t} " for n, t in zip([*names, "absent.avi"], [*tags, "1"], strict=True)]
            (lists / f"{label}_test_split{split}.txt").write_text("\n".join(lines))
    result, _ = run_protocol("protocol.kind=official_splits", data=root)
    rows = result.metrics["protocol"]["rounds"]
    assert [r["name"] for r in rows] == ["split 1", "split 2", "split 3"]
    assert [r["n_test"] for r in rows] == [4, 4, 4]
    assert result.metrics["absent"] == 2
    assert result.metrics["split"] == "mean over 3 official splits"


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_ends_the_same(small_set, features, tmp_path):
    settings = [a for s in (*SMALL, "protocol.kind=leave_one_group_out") for a in ("--set", s)]
    common = [sys.executable, "-m", "kinema.cli.app", "train", str(small_set), "--weights", "none"]
    common += ["--features", str(features), *settings]

    def start(out):
        return subprocess.Popen(
            [*common, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    assert start(tmp_path / "whole").wait() == 0
    for _ in range(12):
        process = start(tmp_path / "killed")
        try:
            process.wait(timeout=np.random.default_rng().uniform(4, 12))
            break
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    assert start(tmp_path / "killed").wait() == 0
    whole, killed = saved(tmp_path / "whole"), saved(tmp_path / "killed")
    assert killed["accuracy"] == whole["accuracy"]
    assert killed["confusion"] == whole["confusion"]


# What a careful researcher wants to happen with lists and folders that do not match.


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def rows(small_set):
    made = rows_of(small_set)
    return [row | {"file_name": str(small_set.parent / row["file_name"])} for row in made]


def test_a_test_class_that_train_does_not_have_is_refused_by_name(run_protocol, rows, tmp_path):
    for row in rows:
        if row["split"] == "test" and row["label"] == "boxing":
            row["label"] = "boxxing"
    with pytest.raises(UsageError, match=r"'boxxing' of the test split has no training videos.*'boxing'"):
        run_protocol(data=write_rows(tmp_path / "data.csv", rows))


def test_a_class_without_test_videos_is_warned_about_and_trained(run_protocol, rows, tmp_path):
    kept = [row for row in rows if not (row["split"] == "test" and row["label"] == "boxing")]
    result, log = run_protocol(data=write_rows(tmp_path / "data.csv", kept))
    assert any("1 class without test videos: boxing" in text for text in log.warnings)
    per_class = {c["label"]: c["support"] for c in result.metrics["per_class"]}
    assert per_class["boxing"] == 0
    assert result.metrics["mean_class_accuracy"] == result.metrics["accuracy"]


def test_an_empty_split_is_refused(run_protocol, rows, tmp_path):
    kept = [row | {"split": "train"} for row in rows]
    with pytest.raises(UsageError, match=r"the test split of .* is empty; add test videos"):
        run_protocol(data=write_rows(tmp_path / "data.csv", kept))


def test_a_clip_shorter_than_the_jump_gives_one_step(run_protocol):
    result, _ = run_protocol(
        "streams.rgb.backbone=mobilenet_v2", "streams.rgb.sampling={kind: jump, every: 50}"
    )
    assert result.metrics["n_test"] > 0
    assert result.metrics["shuffled_accuracy"] == result.metrics["accuracy"]  # one step has no order


def test_a_sequence_file_that_names_absent_videos_is_counted(run_protocol, small_set, tmp_path):
    root = tmp_path / "kth"
    clips = {label: sorted((small_set.parent / label).iterdir()) for label in ("walking", "boxing")}
    lines = []
    for number, person in enumerate((11, 12, 22, 2)):  # two to train on, two to test on
        for label, paths in clips.items():
            stem = f"person{person:02d}_{label}_d1"
            folder = root / label
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(paths[number * 2], folder / f"{stem}_uncomp.avi")
            lines.append(f"{stem}\tframes\t1-3, 4-6")
    lines.append("person25_boxing_d4\tframes\t1-3")
    (root / "00sequences.txt").write_text("\n".join(lines))
    result, log = run_protocol("protocol.kind=people", data=root)
    assert result.metrics["absent"] == 1
    assert any("1 video of 00sequences.txt not on disk: person25_boxing_d4" in t for t in log.warnings)
    assert result.metrics["n_test"] == 8
    assert result.metrics["protocol"]["kind"] == "people"


def test_a_list_that_names_an_unknown_class_is_refused(run_protocol, tmp_path):
    lists = tmp_path / "ucf" / "ucfTrainTestlist"
    lists.mkdir(parents=True)
    (tmp_path / "ucf" / "Archery").mkdir()
    (lists / "classInd.txt").write_text("1 Archery\n")
    (lists / "trainlist01.txt").write_text("Archary/v_Archary_g08_c01.avi 1\n")
    (lists / "testlist01.txt").write_text("Archery/v_Archery_g01_c01.avi\n")
    with pytest.raises(UsageError, match=r"trainlist01.txt line 1: class 'Archary' is not in classInd.txt"):
        run_protocol(data=tmp_path / "ucf")
