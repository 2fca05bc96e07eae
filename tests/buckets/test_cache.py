"""Copies of objects: whole, of one version, bounded, once for all who ask."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from buckets.conftest import Memory
from kinema.buckets import as_path, cache, local
from kinema.buckets.cache import fetched
from kinema.buckets.system import system
from kinema.errors import UsageError
from support.buckets import Bucket


@pytest.fixture(autouse=True)
def unbelieving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question goes to the bucket, and every fetch looks for room."""
    monkeypatch.setattr(cache, "BELIEVED_SECONDS", 0.0)
    monkeypatch.setattr(cache, "_LOOK_EVERY", 0.0)


def copies(root: Path) -> list[Path]:
    return sorted(p for p in (root / "buckets" / "objects").glob("*/*"))


def test_a_file_of_this_machine_is_its_own_copy(tmp_path: Path):
    assert local(tmp_path / "a") == tmp_path / "a"


def test_an_object_is_fetched_once_and_again_where_it_changed(s3: Bucket):
    s3.put("a.avi", b"one")
    path = as_path(f"{s3.url}/a.avi")
    first = local(path)
    assert first.read_bytes() == b"one"
    assert first.suffix == ".avi"
    assert local(path) == first
    assert s3.server.counted("GET", "a.avi") == 1
    s3.put("a.avi", b"two")
    second = local(path)
    assert second.read_bytes() == b"two"
    assert first.read_bytes() == b"one", "a copy is of one version"
    assert s3.server.counted("GET", "a.avi") == 2
    s3.remove("a.avi")
    with pytest.raises(FileNotFoundError):
        local(path)


def test_many_who_ask_at_once_fetch_it_once(s3: Bucket):
    s3.put("a.avi", b"x" * 100_000)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: local(as_path(f"{s3.url}/a.avi")), range(8)))
    assert len(found) == 1
    assert s3.server.counted("GET", "a.avi") == 1


def test_an_object_that_changes_while_it_is_fetched_is_fetched_again(s3: Bucket):
    s3.put("a.avi", b"old")

    def change(method: str, path: str) -> None:
        if method == "GET" and s3.server.counted("GET", "a.avi") == 1:
            s3.put("a.avi", b"new")

    s3.server.fault = change
    assert fetched(as_path(f"{s3.url}/a.avi")).path.read_bytes() == b"new"


def test_an_object_that_changes_all_the_while_is_no_copy_of_anything(s3: Bucket, tmp_path: Path):
    s3.put("a.avi", b"0")

    def change(method: str, path: str) -> None:
        if method == "GET":
            s3.put("a.avi", str(len(s3.server.requests)).encode())

    s3.server.fault = change
    with pytest.raises(OSError, match="changes while it is read"):
        fetched(as_path(f"{s3.url}/a.avi"))
    assert not list(copies(tmp_path))


def test_a_copy_that_was_cut_short_is_begun_again(memory: Memory, monkeypatch: pytest.MonkeyPatch):
    path = as_path(memory.put("a.avi", b"0123456789"))
    real, calls = system(path).get_file, []

    def cut(url: str, target: str) -> None:
        real(url, target)
        calls.append(target)
        if len(calls) == 1:
            os.truncate(target, 4)

    monkeypatch.setattr(system(path), "get_file", cut)
    assert local(path).read_bytes() == b"0123456789"
    assert len(calls) == 2


def test_what_a_killed_process_left_is_swept(memory: Memory, tmp_path: Path):
    left = tmp_path / "buckets" / "objects" / "ab" / ".x.avi.host.1.x0123456789abcdef.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    local(as_path(memory.put("a", b"x")))
    assert not left.exists()


def test_the_oldest_copies_go(memory: Memory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("KINEMA_BUCKETS_GB", "0.0001")  # 100 kB
    monkeypatch.setattr(cache, "GRACE_SECONDS", -1.0)
    found = {}
    for number in range(5):
        path = as_path(memory.put(f"{number}.avi", bytes([number]) * 30_000))
        found[number] = local(path)
        os.utime(found[number], (number, number))
        if number == 2:  # used again: now 1 is the oldest
            local(as_path(f"{memory.url}/0.avi"))
    assert not found[1].exists()
    assert found[0].exists()
    assert found[4].exists()
    assert sum(p.stat().st_size for p in copies(tmp_path)) <= 100_000


def test_what_may_be_in_use_stays(memory: Memory, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KINEMA_BUCKETS_GB", "0.00001")
    first = local(as_path(memory.put("1.avi", b"1" * 30_000)))
    old = local(as_path(memory.put("2.avi", b"2" * 30_000)))
    os.utime(old, (time.time() - 3600,) * 2)
    with old.open("rb") as file:
        local(as_path(memory.put("3.avi", b"3" * 30_000)))
        assert first.exists(), "asked for a moment ago"
        assert not old.exists()
        assert file.read() == b"2" * 30_000, "an open file can be read to its end"
    assert local(as_path(f"{memory.url}/2.avi")).read_bytes() == b"2" * 30_000


@pytest.mark.parametrize("size", ["much", "0", "-3", "nan"])
def test_no_size_is_refused(memory: Memory, monkeypatch: pytest.MonkeyPatch, size: str):
    monkeypatch.setenv("KINEMA_BUCKETS_GB", size)
    with pytest.raises(UsageError, match="KINEMA_BUCKETS_GB"):
        local(as_path(memory.put("1.avi", b"1")))
