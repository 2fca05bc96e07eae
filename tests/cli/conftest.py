"""The program called in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kinema.cli import app as program
from support.called import Call, Called


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Calls the program in this process, on a terminal of 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")

    def run(*arguments: str | Path) -> Called:
        monkeypatch.setattr(sys, "argv", ["kinema", *(str(a) for a in arguments)])
        capfd.readouterr()
        code = 0
        try:
            program.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capfd.readouterr()
        return Called(code, captured.out, captured.err)

    return run
