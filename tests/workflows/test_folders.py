"""The folder that a command writes to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kinema.errors import UsageError
from kinema.workflows.folders import writable


def test_several_processes_may_try_one_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(writable, [tmp_path / "run"] * 400))
    assert found == [tmp_path / "run"] * 400
    assert list((tmp_path / "run").iterdir()) == []


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another folder with --out"):
        writable(tmp_path / "file" / "run")
