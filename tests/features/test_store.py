"""The store: shelves, temporary files of dead writers, unwritable folders, quarantine."""

from __future__ import annotations

import csv
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
    store.quarantine({("/v/a.mp4", PART, "rgb", "broken")}, set())
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(WorkError, match=r"No space left on device.*free some space"):
        store.quarantine({("/v/b.mp4", PART, "rgb", "broken")}, set())
    with pytest.raises(WorkError, match=r"No space left on device.*free some space"):
        store.shelf("rgb", {})
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_quarantine_merges(tmp_path: Path):
    store = FeatureStore(tmp_path)
    a, b, c = (f"/videos/{name}.mp4" for name in "abc")
    assert store.quarantined() == []
    store.quarantine(
        {(b, PART, "rgb", "cut"), (a, PART, "rgb", "empty")}, {(a, PART, "rgb"), (b, PART, "rgb")}
    )
    assert store.quarantined() == [(a, PART, "rgb", "empty"), (b, PART, "rgb", "cut")]
    # Another data folder, or another stream, adds to it.
    store.quarantine({(c, "frames 0-9", "rgb", "cut")}, {(c, "frames 0-9", "rgb")})
    store.quarantine({(a, PART, "flow", "hung")}, {(a, PART, "flow")})
    assert len(store.quarantined()) == 4
    # A file that was mended goes; one that fails otherwise gets its new reason.
    store.quarantine({(b, PART, "rgb", "crashed")}, {(a, PART, "rgb"), (b, PART, "rgb")})
    assert store.quarantined() == [
        (a, PART, "flow", "hung"),
        (b, PART, "rgb", "crashed"),
        (c, "frames 0-9", "rgb", "cut"),
    ]
    seen = {(a, PART, "flow"), (b, PART, "rgb"), (c, "frames 0-9", "rgb")}
    store.quarantine(set(), seen)
    assert not (tmp_path / "quarantine.csv").exists()


def test_quarantine_takes_any_file_name(tmp_path: Path):
    names = [
        "a\nb.mp4",
        'say "hi", twice.mp4',
        "a\r.mp4",
        "видео 動画.mp4",
        os.fsdecode(b"\xff\xfe.mp4"),
        " ,;",
    ]
    rows = {(f"/v/{name}", PART, "rgb", f"because of {i}") for i, name in enumerate(names)}
    store = FeatureStore(tmp_path)
    store.quarantine(rows, set())
    assert set(store.quarantined()) == rows
    with open(tmp_path / "quarantine.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = list(csv.DictReader(file))
    assert {(r["path"], r["part"], r["stream"], r["reason"]) for r in table} == rows


def test_a_spoilt_quarantine_file_is_no_obstacle(tmp_path: Path):
    store = FeatureStore(tmp_path)
    (tmp_path / "quarantine.csv").write_text("path,part,stream,reason\n/v/a.mp4,,rgb,cut\nhalf a li")
    assert store.quarantined() == [("/v/a.mp4", "", "rgb", "cut")]
