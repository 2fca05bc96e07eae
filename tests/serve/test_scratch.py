"""Uploads lie in a private folder, and go with their server, however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kinema.errors import WorkError
from kinema.serve.scratch import scratch_folder

KILLED = """
import os, sys
from pathlib import Path
from kinema.serve.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as scratch, scratch.file() as file:
    file.write_bytes(b"someone's video")
    os.kill(os.getpid(), 9)
"""


def uploads(base: Path) -> list[Path]:
    return [p for p in base.rglob("*") if p.is_file() and p.suffix != ".lock"]


def test_files_go_with_their_block_and_folders_with_their_server(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as scratch:
        assert scratch.folder.stat().st_mode & 0o777 == 0o700
        with scratch.file() as first, scratch.file(".mp4") as second:
            first.write_bytes(b"1")
            assert first != second
        assert list(scratch.folder.iterdir()) == []
        with pytest.raises(ZeroDivisionError), scratch.file() as file:
            file.write_bytes(bytes(1 // 0))
        assert list(scratch.folder.iterdir()) == []
    assert [p for p in tmp_path.rglob("*") if p.parent != tmp_path] == []


def test_what_a_killed_server_left_goes_when_the_next_one_starts(tmp_path: Path) -> None:
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False).returncode == -9
        (left,) = uploads(tmp_path)
        assert left.read_bytes() == b"someone's video"
    with scratch_folder(tmp_path) as mine, scratch_folder(tmp_path):
        assert mine.folder.exists(), "a server that lives keeps its own"
        assert uploads(tmp_path) == []


def test_a_folder_that_is_not_ours_alone_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / f"kinema-serve-{os.getuid()}"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shared.symlink_to(elsewhere)
    with pytest.raises(WorkError, match="not a private folder of yours"), scratch_folder(tmp_path):
        pass
    shared.unlink()
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(WorkError, match="not a private folder of yours"), scratch_folder(tmp_path):
        pass
