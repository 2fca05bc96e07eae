"""Studies on one-second clips: cells go on where they stopped, fail alone, and share what they can."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from kinema.errors import UsageError, WorkError
from kinema.resources import Resources
from kinema.run import load_run
from kinema.studies.board import Board
from kinema.workflows.study import StudyOptions, StudyResult, run_study
from kinema.workflows.study_plan import foretell
from support.events import Told

SMALL = {
    "streams.rgb.backbone": "small_cnn",
    "streams.rgb.sampling": {"kind": "windows", "length": 3, "stride": 5},
    "temporal": {"kind": "gru", "units": 4},
    "training": {"epochs": 2, "lr": 0.01, "watch_test": True},
}
ROWS = [
    {"name": "small"},
    {
        "name": "impossible",
        "set": {"streams.rgb.sampling.length": 1000, "streams.rgb.sampling.policy": "error"},
    },
    {"name": "SVM", "svm_on": "small"},
    {"name": "again", "workers": 1},
]
FIGURES = [{"kind": "curves"}, {"kind": "curves", "of": "small"}, {"kind": "confusion"}, {"kind": "clips"}]


def study(rows: list[dict[str, Any]] = ROWS, **keys: Any) -> dict[str, Any]:
    return {"name": "mine", "set": SMALL, "rows": rows, "protocol": {"kind": "folds", "folds": 2}, **keys}


def run(found: dict[str, Any], data: Path, out: Path, **given: Any) -> StudyResult:
    resources = Resources(weights="none", features=data.parent.parent / "features", workers=1, device="cpu")
    options = given.pop("options", StudyOptions(jobs=1))
    return run_study(found, data, out=out, resources=resources, options=options, **given)


@pytest.fixture(scope="module")
def result(tiny_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    out = tmp_path_factory.mktemp("study") / "out"
    return run(study(figures=FIGURES, columns=["accuracy", "parameters", "seconds"]), tiny_videos, out)


def test_every_cell_is_a_run_and_one_that_fails_stops_no_other(result: StudyResult) -> None:
    states = {(c.cell.planned.name, c.cell.one.part): c.state for c in result.cells}
    assert [state for (name, _), state in states.items() if name == "impossible"] == ["failed", "failed"]
    assert all(state == "done" for (name, _), state in states.items() if name != "impossible")
    reasons = {c.reason for c in result.cells if c.state == "failed"}
    assert all("no usable videos" in reason and "kinema scan" in reason for reason in reasons)
    for cell in result.cells:
        if cell.state == "done":
            assert (result.folder / cell.cell.folder / "report.html").is_file()


def test_the_row_is_over_all_videos_and_its_tables_are_written(result: StudyResult) -> None:
    small = result.rows[0]
    assert small.metrics["n_test"] == 12
    assert len(small.hits()) == 12
    assert small.value("accuracy")[0] == pytest.approx(100 * sum(small.hits().values()) / 12)
    assert small.value("seconds")[0] > 0
    text = (result.folder / "study.md").read_text(encoding="utf-8")
    assert "| small |" in text
    assert "failed: " in text
    rows = list(csv.DictReader((result.folder / "cells.csv").open(encoding="utf-8")))
    assert [row["state"] for row in rows] == ["done"] * 2 + ["failed"] * 2 + ["done"] * 4
    assert r"\begin{tabular}" in (result.folder / "study.tex").read_text(encoding="utf-8")
    page = (result.folder / "study.html").read_text(encoding="utf-8")
    assert page.count('class="chart"') == 4 + 3, "curves of all rows and of one; matrices"
    assert all(
        f"{name}, {part}" in page for name, part in (("small", "test"), ("small", "train"), ("again", "test"))
    )
    assert "again, train" not in page
    assert "small: recognised" in page or "small: mistaken" in page
    assert json.loads((result.folder / "results.json").read_text())["rows"][0]["n_test"] == 12


def test_the_svm_stands_on_the_same_trained_model(result: StudyResult) -> None:
    cells = {(c.cell.planned.name, c.cell.one.part): result.folder / c.cell.folder for c in result.cells}
    for part in {part for _, part in cells}:
        trained, joined = load_run(cells["small", part])[1], load_run(cells["SVM", part])[1]
        temporal = [name for name in trained if name.startswith("recognizer.streams.")]
        assert temporal
        assert all((trained[name] == joined[name]).all() for name in temporal)
        assert any(name.startswith("recognizer.svm.") for name in joined)


def test_rows_that_are_one_training_are_trained_once(result: StudyResult) -> None:
    small, again = result.rows[0], result.rows[3]
    for one, other in zip(small.cells, again.cells, strict=True):
        assert one.history == other.history, "also the seconds of its epochs"


def test_a_finished_study_trains_nothing_and_a_failed_cell_is_tried_again(
    result: StudyResult, tiny_videos: Path
) -> None:
    """Also where what is shown has changed: a title and a column less are no other study."""
    records = {p: p.stat().st_mtime_ns for p in result.folder.rglob("cell.json")}
    before = {c.cell.folder: c.metrics for c in result.cells}
    again = run(study(title="Better", columns=["accuracy"]), tiny_videos, result.folder)
    changed = {p.parent.parent.name for p, when in records.items() if p.stat().st_mtime_ns != when}
    assert changed == {"impossible"}
    assert {c.cell.folder: c.metrics for c in again.cells} == before
    assert "Better" in (again.folder / "study.md").read_text(encoding="utf-8")
    assert again.rows[0].metrics == result.rows[0].metrics


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "other"}, "holds study mine; choose another --out"),
        (
            {"rows": [{"name": "small"}]},
            "holds study mine with other rows or settings; its finished cells are kept",
        ),
        ({"protocol": {"kind": "folds", "folds": 3}}, "with other rows or settings"),
    ],
)
def test_another_study_is_refused_and_nothing_is_lost(
    changes: dict[str, Any], message: str, result: StudyResult, tiny_videos: Path
) -> None:
    files = {p: p.read_bytes() for p in result.folder.rglob("*.json")}
    with pytest.raises(UsageError, match=message):
        run(study() | changes, tiny_videos, result.folder)
    assert {p: p.read_bytes() for p in result.folder.rglob("*.json")} == files


def test_two_processes_do_not_run_one_folder(result: StudyResult, tiny_videos: Path) -> None:
    from kinema.workflows.study_folder import locked

    with locked(result.folder), pytest.raises(UsageError, match="another process"):
        run(study(), tiny_videos, result.folder)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"protocol": {"kind": "official_splits"}}, "layout csv has no official splits"),
        ({"protocol": {"kind": "people"}}, "people"),
    ],
)
def test_data_without_what_the_study_needs(
    keys: dict[str, Any], message: str, tiny_videos: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        run(study(**keys), tiny_videos, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_data_whose_groups_are_not_known(tiny_videos: Path, tmp_path: Path) -> None:
    for label in ("strike_bell", "waving"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number, video in enumerate(sorted((tiny_videos.parent / label).glob("*.mp4"))):
            (tmp_path / "data" / label / f"{number}.mp4").symlink_to(video)
    found = study(protocol={"kind": "random_and_group"})
    with pytest.raises(UsageError, match=r"no groups are known in .*data, .*group column"):
        run(found, tmp_path / "data", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_all_cells_failed_is_an_error(tiny_videos: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkError, match=r"every cell of study mine has failed, the first: no usable videos"):
        run(study([ROWS[1]]), tiny_videos, tmp_path / "out", options=StudyOptions(quick=True))


def test_dry_run_says_what_is_to_do_and_does_nothing(tiny_videos: Path, tmp_path: Path) -> None:
    resources = Resources(weights="none", features=tmp_path / "features", workers=1, device="cpu")
    (tmp_path / "mine.yaml").write_text(json.dumps(study([ROWS[0], ROWS[2]])))
    plan = foretell(tmp_path / "mine.yaml", tiny_videos, [], StudyOptions(), resources)
    assert plan["cells"] == 4
    ((own),) = plan["extraction"]
    assert (own["sequences"], own["missing"]) == (12, 12)
    assert plan["extraction_seconds"] > 0
    assert plan["training_seconds"] > 0
    assert not list((tmp_path / "features").rglob("*.safetensors"))


def study_processes() -> list[psutil.Process]:
    living = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    return [p for p in living if "kinema.workflows.study_process" in p.cmdline()]


class Killing(Told):
    """Kills the processes of a study once, when two cells are under way in two of them."""

    killed = False

    def board(self, board: Board) -> None:
        children = study_processes()
        if not self.killed and board.count("running") == len(children) == 2:
            self.killed = True
            for child in children:
                child.kill()


@pytest.mark.slow
def test_side_by_side_it_is_the_same_table_and_a_process_that_dies_takes_its_cell_alone(
    result: StudyResult, tiny_videos: Path, tmp_path: Path
) -> None:
    """`small` is the row of the fixture, which was trained one cell after the other."""
    rows = [ROWS[0], {"name": "larger", "set": {"temporal.units": 5}}]
    events, out = Killing(), tmp_path / "out"
    found, two = study(rows, columns=["accuracy", "train_minutes"]), StudyOptions(jobs=2)
    hurt = run(found, tiny_videos, out, options=two, events=events)
    failed = [c for c in hurt.cells if c.state == "failed"]
    assert 1 <= len(failed) <= 2, "one of them may have been between two cells"
    assert all("ended by signal 9" in c.reason for c in failed)
    assert [c.state for c in hurt.cells].count("done") == 4 - len(failed)
    assert sum("failed: its process was ended" in text for text in events.warnings) == len(failed)
    assert not study_processes()
    whole = run(found, tiny_videos, out, options=two)
    assert {c.state for c in whole.cells} == {"done"}
    assert [c.cost["side_by_side"] for c in whole.cells] == [2, 2, 2, 2]
    for mine, theirs in zip(whole.rows[0].cells, result.rows[0].cells, strict=True):
        assert shown(mine.metrics) == shown(theirs.metrics)
    assert any("side by side" in text for text in whole.warnings)


def shown(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: metrics[key] for key in ("accuracy", "confusion", "nll", "per_class") if key in metrics}


def wait_for_a_moment(process: subprocess.Popen[bytes], out: Path, random: Random) -> None:
    """Until some seconds after the start, or some tenths after a cell has ended."""
    before, started = len(list(out.rglob("cell.json"))), time.monotonic()
    seconds = random.choice([random.uniform(1, 6), None])
    while process.poll() is None:
        if seconds is not None and time.monotonic() - started > seconds:
            return
        if seconds is None and len(list(out.rglob("cell.json"))) > before:
            time.sleep(random.uniform(0, 0.5))
            return
        time.sleep(0.05)


@pytest.mark.slow
def test_killed_at_random_ten_times_it_ends_with_the_same_table(tiny_videos: Path, tmp_path: Path) -> None:
    """No finished cell is trained again: their files are those of before the kill. No process is left."""
    rows = [{"name": f"{n} units", "set": {"temporal.units": n}} for n in range(3, 11)]
    found = study(rows, columns=["accuracy", "parameters"])
    whole = run(found, tiny_videos, tmp_path / "whole")
    (tmp_path / "mine.yaml").write_text(json.dumps(found))
    out, random = tmp_path / "killed", Random(0)
    words = [sys.executable, "-m", "kinema", "study", tmp_path / "mine.yaml", tiny_videos, "--out", out]
    words += ["--weights", "none", "--features", tmp_path / "features", "--device", "cpu", "--jobs", "2"]
    quiet = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    done: dict[Path, tuple[bytes, int]] = {}
    for _ in range(10):
        process = subprocess.Popen(list(map(str, words)), **quiet)
        wait_for_a_moment(process, out, random)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        assert process.returncode == -signal.SIGKILL, "it had not ended by itself"
        assert not psutil.wait_procs(children, timeout=30)[1]
        records = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in out.rglob("cell.json")}
        assert {p: records[p] for p in done} == done
        done = records
    assert 0 < len(done) < 16
    subprocess.run(list(map(str, words)), **quiet, check=True, timeout=300)
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in done} == done
    kept = [line.split(",")[:5] for line in (out / "study.csv").read_text().splitlines()]
    assert kept == [line.split(",")[:5] for line in (whole.folder / "study.csv").read_text().splitlines()]
