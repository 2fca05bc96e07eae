"""Remembered digests against hashlib: every trick that leaves a file's name, size or time as it was."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kinema.errors import MediaError
from kinema.features import digest_table, digests
from kinema.features.digests import FILE, RACY_NS, Digests

pytestmark = pytest.mark.skipif(
    not digests.CHANGE_TIME, reason="Windows does not say when a file was changed"
)
LONG_AGO = 10 * RACY_NS


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"first content")
    return path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is on by so much that what was written in the test is old."""
    now = time.time_ns
    monkeypatch.setattr(digests.time, "time_ns", lambda: now() + LONG_AGO)


def remember(store: Path, *paths: Path) -> None:
    memory = Digests(store)
    for path in paths:
        assert memory.read(path) == sha256(path)
    memory.close()


def known(store: Path, *paths: Path) -> dict[Path, str]:
    return Digests(store).known(paths)


@pytest.mark.usefixtures("later")
def test_what_was_read_is_known_to_the_next(tmp_path: Path, clip: Path) -> None:
    assert known(tmp_path, clip) == {}
    remember(tmp_path, clip)
    absent = tmp_path / "absent.mp4"
    assert known(tmp_path, clip, absent) == {clip: sha256(clip)}
    assert Digests().known([clip]) == {}


def test_a_file_written_a_moment_ago_is_not_believed(tmp_path: Path, clip: Path) -> None:
    remember(tmp_path, clip)
    assert known(tmp_path, clip) == {}


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("ahead", [LONG_AGO, 100 * LONG_AGO])
def test_a_file_from_the_future_is_not_believed(tmp_path: Path, clip: Path, ahead: int) -> None:
    """A camera's clock that is wrong, or ours that was set back since."""
    then = time.time_ns() + ahead
    os.utime(clip, ns=(then, then))
    remember(tmp_path, clip)
    assert known(tmp_path, clip) == {}


def rewrite(clip: Path) -> None:
    clip.write_bytes(b"other content")


def rewrite_in_place(clip: Path) -> None:
    with open(clip, "r+b") as file:
        file.write(b"other content")


def rename_over(clip: Path) -> None:
    other = clip.with_name("other.mp4")
    other.write_bytes(b"other content")
    os.utime(other, ns=(clip.stat().st_atime_ns, clip.stat().st_mtime_ns))
    other.replace(clip)


def copy_over(clip: Path) -> None:
    other = clip.with_name("other.mp4")
    other.write_bytes(b"other content")
    shutil.copystat(clip, other)
    shutil.copy2(other, clip)


def swap(clip: Path) -> None:
    """Two files of one size and time change their names, the second older than all that was read."""
    other = clip.with_name("other.mp4")
    other.write_bytes(b"other content")
    os.utime(other, ns=(clip.stat().st_atime_ns, clip.stat().st_mtime_ns))
    clip.rename(clip.with_name("kept.mp4"))
    other.rename(clip)


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("trick", [rewrite, rewrite_in_place, rename_over, copy_over, swap])
def test_no_trick_keeps_an_old_digest(tmp_path: Path, clip: Path, trick: Callable[[Path], None]) -> None:
    remember(tmp_path, clip)
    before = clip.stat()
    time.sleep(0.02)  # the kernel's clock ticks a hundred times a second at the least
    trick(clip)
    os.utime(clip, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = clip.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns), (
        "nothing shows but this"
    )
    assert known(tmp_path, clip) == {}
    assert not Digests(tmp_path).same(clip, hashlib.sha256(b"first content").hexdigest())
    remember(tmp_path, clip)
    assert known(tmp_path, clip) == {clip: hashlib.sha256(b"other content").hexdigest()}


@pytest.mark.usefixtures("later")
def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, times = digests.content_digest, []

    def change_after(path: Path) -> str:
        digest = read(path)
        times.append(digest)
        if len(times) < 3:
            time.sleep(0.02)
            clip.write_bytes(b"content %d" % len(times))
        return digest

    monkeypatch.setattr(digests, "content_digest", change_after)
    assert Digests(tmp_path).read(clip) == sha256(clip)
    assert len(times) == 3
    times.clear()
    monkeypatch.setattr(digests, "_READ_AGAIN", 2)
    with pytest.raises(
        MediaError, match=r"clip.mp4 changes while it is read; start again when it is written$"
    ):
        Digests(tmp_path).read(clip)


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("at", [0, 100, 5000, -1])
def test_a_damaged_table_is_never_believed(tmp_path: Path, at: int) -> None:
    paths = [tmp_path / f"{i}.mp4" for i in range(40)]
    for path in paths:
        path.write_text(path.name)
    remember(tmp_path, *paths)
    table = tmp_path / FILE
    whole = table.read_bytes()
    for start in range(at % len(whole), min(at % len(whole) + 400, len(whole)), 16):
        table.write_bytes(whole[:start] + bytes([whole[start] ^ 0x41]) + whole[start + 1 :])
        found = known(tmp_path, *paths)
        assert all(digest == sha256(path) for path, digest in found.items())


@pytest.mark.usefixtures("later")
def test_what_is_no_table_is_begun_anew(tmp_path: Path, clip: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no table at all" * 1000)
    remember(tmp_path, clip)
    assert known(tmp_path, clip) == {clip: sha256(clip)}


@pytest.mark.usefixtures("later")
def test_a_table_that_others_lock_or_that_cannot_be_made_costs_time_alone(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest_table, "LOCKED_SECONDS", 0.05)
    remember(tmp_path, clip)
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert known(tmp_path, clip) == {}
        remember(tmp_path, clip)
    other.close()
    (tmp_path / "folder" / FILE).mkdir(parents=True)
    remember(tmp_path / "folder", clip)
    assert known(tmp_path / "folder", clip) == {}


@pytest.mark.usefixtures("later")
def test_a_table_that_can_only_be_read_is_still_read(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(tmp_path, clip)
    connect = sqlite3.connect

    def read_only(path: Path, **options: object) -> sqlite3.Connection:
        return connect(f"file:{path}?mode=ro", uri=True, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(digest_table.sqlite3, "connect", read_only)
    other = tmp_path / "other.mp4"
    other.write_bytes(b"other")
    remember(tmp_path, clip, other)
    assert known(tmp_path, clip, other) == {clip: sha256(clip)}


@pytest.mark.usefixtures("later")
def test_threads_share_one_memory(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.mp4" for i in range(60)]
    for path in paths:
        path.write_text(path.name)
    memory = Digests(tmp_path)
    threads = [
        threading.Thread(target=lambda own=paths[i::4]: [memory.read(p) for p in own]) for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    memory.close()
    assert known(tmp_path, *paths) == {path: sha256(path) for path in paths}


WRITE = """
import sys, time
from pathlib import Path
from kinema.features import digest_table, digests
digest_table._FLUSH_ROWS = 7
now = time.time_ns
digests.time.time_ns = lambda: now() + 10 * digests.RACY_NS
memory = digests.Digests(Path(sys.argv[1]))
print("begun", flush=True)
while True:
    for path in sorted(Path(sys.argv[1]).glob("*.mp4")):
        memory.read(path)
"""


@pytest.mark.usefixtures("later")
def test_processes_that_are_killed_leave_what_is_true(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.mp4" for i in range(60)]
    for path in paths:
        path.write_text(path.name)
    for _ in range(2):
        both = [
            subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path)], stdout=subprocess.PIPE)
            for _ in range(2)
        ]
        for process in both:
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(0.15)
        for process in both:
            process.kill()
            process.wait()
            process.stdout.close()  # type: ignore[union-attr]
    found = known(tmp_path, *paths)
    assert found, "some were written before the kill"
    assert all(digest == sha256(path) for path, digest in found.items())
    remember(tmp_path, *paths)
    assert len(known(tmp_path, *paths)) == len(paths)
