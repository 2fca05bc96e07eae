"""The store: shelves, temporary files of dead writers, unwritable folders, quarantine."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kinema import atomic
from kinema.atomic import host_name
from kinema.errors import UsageError, WorkError
from kinema.features.sequence_file import read_sequence
from kinema.features.store import FeatureStore

PART = ""


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def temporary(
    folder: Path, host: str, pid: int, age_seconds: float = 0.0, name: str = "x.safetensors"
) -> Path:
    path = folder / f".{name}.{host}.{pid}.tmp"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    then = time.time() - age_seconds
    os.utime(path, (then, then))
    return path


def fill(store: FeatureStore, key: str = "ab12", **settings: int) -> Path:
    shelf = store.shelf("rgb", settings)
    writer = shelf.writer(key, 3)
    writer.append(np.ones((2, 3), np.float32), [0.0, 0.5])
    writer.commit()
    return shelf.path(key)


def test_a_sequence_goes_in_and_comes_out(tmp_path: Path):
    store = FeatureStore(tmp_path / "a" / "features")
    shelf = store.shelf("rgb", {"size": 224})
    assert "ab12" not in shelf
    path = fill(store, size=224)
    assert "ab12" in shelf
    assert path == store.root / f"rgb-{shelf.fingerprint[:16]}" / "ab" / "ab12.safetensors"
    assert read_sequence(path).pts_seconds.tolist() == [0.0, 0.5]


def test_another_setting_is_another_shelf(tmp_path: Path):
    store = FeatureStore(tmp_path)
    fill(store, size=224)
    assert "ab12" in store.shelf("rgb", {"size": 224})
    assert "ab12" not in store.shelf("rgb", {"size": 299})
    assert "ab12" not in store.shelf("flow", {"size": 224})


def test_temporary_files_of_the_dead_are_swept(tmp_path: Path):
    shelf = FeatureStore(tmp_path).shelf("rgb", {}).folder
    dead, here = dead_process(), host_name()
    gone = [
        temporary(shelf / "ab", here, dead),
        temporary(tmp_path, here, dead, name="quarantine.csv"),
        temporary(shelf, here, dead, name="stream.json"),
        temporary(tmp_path / "motion" / "tvl1-36s", here, dead, name="k.npy"),
        temporary(shelf / "ab", "elsewhere", 1, age_seconds=2 * 24 * 3600),
        # The number lives on in a process that is younger than the file: ours, which did not write it.
        temporary(shelf / "cd", here, os.getpid(), age_seconds=20 * 3600),
    ]
    FeatureStore(tmp_path)
    assert [p for p in gone if p.exists()] == []


def test_temporary_files_of_the_living_stay(tmp_path: Path):
    shelf = FeatureStore(tmp_path).shelf("rgb", {}).folder
    stay = [
        temporary(shelf / "ab", host_name(), os.getpid()),
        temporary(shelf / "ab", "elsewhere", dead_process()),
        temporary(shelf / "ab", "elsewhere", 1, age_seconds=3600),
    ]
    # Files of other programs, however old, are nobody's business.
    foreign = [shelf / ".notes.tmp", shelf / "ab" / ".a.host.word.tmp", tmp_path / "x.host.1.tmp"]
    for path in foreign:
        path.write_text("mine")
        os.utime(path, (0, 0))
    FeatureStore(tmp_path)
    assert [p for p in stay + foreign if not p.exists()] == []


def test_a_store_below_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another with --features"):
        FeatureStore(tmp_path / "file" / "features")


def test_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(UsageError, match=r"Read-only file system\); choose another") as caught:
        FeatureStore(tmp_path)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = FeatureStore(tmp_path)
    store.quarantine.settle({("/v/a.mp4", PART, "rgb", "broken")}, set())
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(WorkError, match=r"No space left on device.*free some space"):
        store.quarantine.settle({("/v/b.mp4", PART, "rgb", "broken")}, set())
    with pytest.raises(WorkError, match=r"No space left on device.*free some space"):
        store.shelf("rgb", {})
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
