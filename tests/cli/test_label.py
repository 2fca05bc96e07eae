"""`kinema label` on the command line: calls that are wrong, and several people's labels made one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kinema.cli.app import app

HEAD = "file_name,label,start,end\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "ann.csv").write_text(HEAD + "a.mp4,wave,1,5\n")
    (tmp_path / "bob.csv").write_text(HEAD + "a.mp4,wave,6,9\na.mp4,bow,1,2\n")
    return tmp_path


def called(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["label", *map(str, words)])
    return result.exit_code, str(result.exception or ""), result.output


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("{}", "--out", "{}/labels.txt"), "is no .csv"),
        (("{}", "--out", "{}/no/labels.csv"), "is in no existing folder"),
        (("{}/none", "--out", "{}/labels.csv", "--port", "0"), "does not exist"),
        (("{}", "{}", "--out", "{}/labels.csv"), "give one DATA"),
        (("{}", "--out", "{}/labels.csv", "--json"), "no effect without --merge"),
        (("{}", "--out", "{}/labels.csv", "--run", "{}"), "is not a run folder"),
        (("--merge", "{}/ann.csv", "--out", "{}/all.csv"), "two label files or more"),
        (("--merge", "{}/ann.csv", "{}/none.csv", "--out", "{}/all.csv"), "no file"),
        (("--merge", "{}/ann.csv", "{}/bob.csv", "--annotator", "x", "--out", "{}/a.csv"), "no effect with"),
    ],
)
def test_wrong_calls_are_refused(folder: Path, words: tuple[str, ...], what: str) -> None:
    code, error, _ = called(*(word.format(folder) for word in words))
    assert (code, what in error) == (1, True), error
    assert not (folder / "all.csv").exists()


def test_labels_that_cannot_be_read_are_refused_by_line(folder: Path) -> None:
    labels = folder / "labels.csv"
    labels.write_text(HEAD + "a.mp4,wave,x,5\n")
    code, error, _ = called(folder, "--out", labels, "--port", 0)
    assert (code, "labels.csv line 2: start 'x'" in error) == (1, True), error
    assert labels.read_text() == HEAD + "a.mp4,wave,x,5\n"


def test_merge(folder: Path) -> None:
    out = folder / "all.csv"
    code, error, output = called("--merge", folder / "ann.csv", folder / "bob.csv", "--out", out, "--json")
    assert code == 0, error
    found = json.loads(output[output.index("{") :])
    assert (found["rows"], found["videos"]) == ({"ann": 1, "bob": 2}, 1)
    assert any("annotators agree on less than 50%" in text for text in found["warnings"])
    assert len(out.read_text().splitlines()) == 4
