"""What the program says of itself: help that is whole, its version, and output on any terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click
import pytest
from typer.main import get_command
from typer.testing import CliRunner

import kinema
from kinema.cli.app import app
from kinema.datasets.csv_header import FORMAT
from kinema.workflows.doctor import diagnose


def verbs(
    command: click.Command, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    for name, below in getattr(command, "commands", {}).items():
        yield from verbs(below, (*words, name))


VERBS = list(verbs(get_command(app)))


def words_of(text: str) -> str:
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize(
    ("words", "command"), VERBS, ids=lambda v: " ".join(v) if isinstance(v, tuple) else ""
)
def test_help_shows_every_letter_of_what_is_declared(words, command, monkeypatch) -> None:
    """A word in square brackets would be taken as markup and vanish."""
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 400)
    result = CliRunner().invoke(app, [*words, "--help"], terminal_width=400)
    assert result.exit_code == 0
    shown = words_of(result.output)
    for parameter in command.params:
        declared = getattr(parameter, "help", None)
        if declared:
            assert words_of(declared) in shown, parameter.name
        default = getattr(parameter, "show_default", None)
        if isinstance(default, str):
            assert f"[default: ({default})]" in shown, parameter.name


def test_defaults_that_no_value_says_are_in_words() -> None:
    found = {
        (" ".join(words), p.name): p.show_default
        for words, command in VERBS
        for p in command.params
        if isinstance(getattr(p, "show_default", None), str)
    }
    assert found["anomaly score", "stride"] == "half a window"
    assert found["search", "run"] == "where it was then"
    assert found["flow", "max_px"] == "width / 32"


def run(*arguments: str, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COLUMNS": "80"}
    return subprocess.run(
        [sys.executable, "-m", "kinema", *arguments], env=environment, capture_output=True, check=False
    )


def test_version() -> None:
    called = run("--version")
    assert called.returncode == 0, called.stderr
    assert called.stdout.decode().strip() == f"kinema {kinema.__version__}"
    assert kinema.__version__ == metadata.version("kinema")


@pytest.mark.parametrize(
    ("encoding", "arguments"),
    [
        ("cp1252", ("doctor",)),
        ("ascii", ("--help",)),
        ("ascii", ("recipes",)),
        ("cp1252", ("recipes", "vgg16-lstm", "--cite")),
        ("cp1252", ("scan", "gone ✗")),
    ],
)
def test_any_encoding_of_the_terminal_will_do(arguments: tuple[str, ...], encoding: str) -> None:
    called = run(*arguments, encoding=encoding)
    assert b"Traceback" not in called.stderr
    assert called.returncode == (2 if arguments[0] == "scan" else 0), called.stderr
    (called.stdout + called.stderr).decode(encoding)


def test_nothing_that_a_machine_reads_is_lost(tmp_path: Path) -> None:
    encoding = "ascii"
    facts = json.loads(run("recipes", "vgg16-lstm", "--json", encoding=encoding).stdout.decode(encoding))
    assert "Buemi, María Elena" in facts["paper"]["authors"]
    file = tmp_path / "mine.yaml"
    file.write_bytes(run("recipes", "vgg16-lstm", encoding=encoding).stdout)
    assert kinema_recipe(file)["paper"]["authors"] == facts["paper"]["authors"]


def kinema_recipe(file: Path) -> dict:
    from kinema.recipe import load_recipe

    return load_recipe(file).model_dump(mode="json")


def test_a_recipe_file_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes("summary: Müll".encode("latin-1"))
    called = run("recipes", str(file))
    assert called.returncode == 2
    assert b"is not UTF-8 text; save it as UTF-8" in called.stderr


def test_doctor_marks_differ_without_unicode() -> None:
    lines = run("doctor", encoding="ascii").stdout.decode().splitlines()
    assert {line[0] for line in lines if "extra " in line or line.startswith("+ torch ")} <= {"+", "-"}
    assert any(line.startswith("+ torch ") for line in lines)
    assert not any(line.startswith("?") for line in lines)


def test_doctor_promises_what_can_be_had(monkeypatch) -> None:
    """Kinema is on no package index, and nothing is fetched where downloads are forbidden."""
    monkeypatch.setenv("KINEMA_OFFLINE", "1")
    text = " ".join(check.detail for check in diagnose())
    assert "kinema[" not in text
    assert "fetched" not in text
    monkeypatch.delenv("KINEMA_OFFLINE")
    wanted = {r.partition(";")[0].strip() for r in metadata.requires("kinema") or () if "flownet2" in r}
    found = {check.name: check for check in diagnose()}
    if found["extra flownet2"].state == "optional":
        assert found["extra flownet2"].detail == f"optional; pip install '{wanted.pop()}'"
    assert "weights flow flownet2" in found


def test_train_documents_the_csv() -> None:
    shown = words_of(CliRunner().invoke(app, ["train", "--help"], terminal_width=200).output)
    assert FORMAT in shown
    assert "Paths are relative to the CSV's folder" in shown
