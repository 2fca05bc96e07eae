"""`kinema study` as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinema.studies.load import study_names
from support.called import Call

STUDY = """
name: mine
set:
  streams.rgb.backbone: small_cnn
  streams.rgb.sampling: {kind: windows, length: 3, stride: 5}
  training.epochs: 1
  temporal: {kind: gru}
grid: {temporal.units: [3, 5]}
label: "{temporal.units} units"
protocol: {kind: split}
advises: true
figures: [{kind: line, x: temporal.units}]
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text(STUDY)
    return file


def test_list(call: Call) -> None:
    found = call("study", "--list", "--json")
    assert [row["name"] for row in found.json] == study_names()
    shown = call("study", "--list")
    assert all(name in shown.out for name in study_names())


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "name a study"),
        (["which"], "name the videos"),
        (["witch", "videos"], "unknown study 'witch' (did you mean 'which'?)"),
        (["which", "gone"], "gone does not exist"),
        (["which", "gone", "--jobs", "few"], "--jobs few: give a number of cells side by side, or auto"),
        (["which", "gone", "--jobs", "0"], "jobs=0: give 1 or more"),
    ],
)
def test_a_wrong_call_is_one_line(words: list[str], error: str, call: Call, tmp_path: Path) -> None:
    called = call("study", *words, "--out", tmp_path / "out")
    assert called.code == 2
    assert error in called.error


def test_a_study_of_ones_own_ends_in_the_command_that_trains_its_best_row(
    mine: Path, call: Call, tiny_videos: Path, tmp_path: Path
) -> None:
    where = [
        "--out",
        tmp_path / "out",
        "--features",
        tmp_path / "features",
        "--weights",
        "none",
        "--workers",
        "1",
    ]
    called = call("study", mine, tiny_videos, *where, "--json")
    assert called.code == 0, called.err
    facts = called.json
    assert [row["name"] for row in facts["rows"]] == ["3 units", "5 units"]
    best = max(facts["rows"], key=lambda row: row["values"]["accuracy"]["mean"])["name"]
    assert facts["advice"].startswith(f"Best: {best}")
    assert f"kinema train {tiny_videos} --recipe lite" in facts["advice"]
    assert f"--set temporal.units={best[0]}" in facts["advice"]
    again = call("study", mine, tiny_videos, *where)
    assert "2 of 2 cells are finished" in again.err
    assert "study.html" in again.out
    plan = call("study", mine, tiny_videos, *where, "--dry-run", "--json").json
    assert (plan["cells"], plan["extraction"][0]["missing"]) == (2, 0)
    assert json.loads((tmp_path / "out" / "results.json").read_text())["study"] == "mine"
