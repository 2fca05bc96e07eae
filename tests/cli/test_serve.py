"""`kinema serve`: wrong calls are refused before anything is loaded."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from support.called import Call


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--host", "0.0.0.0"], "can be reached by others"),
        (["--token", "short"], "a token of 5 characters can be guessed"),
        (["--root", "gone"], "--root gone is not a folder"),
        (["--embeddings", "gone.parquet"], "no file gone.parquet"),
        (["--host", "192.0.2.1"], "can be reached by others"),
        (["--host", "192.0.2.1", "--token", "long enough a token"], "cannot listen at 192.0.2.1"),
    ],
)
def test_wrong_calls(
    call: Call, tiny_run: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], error: str
) -> None:
    monkeypatch.setattr("kinema.inference.load.load", None)  # nothing is loaded
    called = call("serve", tiny_run, "--port", "0", *options)
    assert called.code == 2
    assert error in called.error


def test_what_is_no_run(call: Call, tmp_path: Path) -> None:
    assert "is not a run folder" in call("serve", tmp_path).error


def test_a_detector_of_another_run(call: Call, tiny_run: Path, tmp_path: Path) -> None:
    assert (
        "is not an anomaly detector"
        in call("serve", tiny_run, "--port", "0", "--detector", tmp_path, "--weights", "none").error
    )


def test_the_extra_is_named_where_it_is_missing(
    call: Call, tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else real(name))
    called = call("serve", tiny_run)
    assert (called.code, "serving needs uvicorn; pip install uvicorn" in called.error) == (2, True)
