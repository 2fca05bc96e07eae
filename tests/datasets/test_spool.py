"""Records in a temporary file: a list like any other, in little memory."""

from __future__ import annotations

import os
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.buckets import as_path
from kinema.datasets import spool
from kinema.datasets.spool import RecordSpool
from kinema.errors import WorkError
from kinema.types import VideoRecord


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "BLOCK", 4)
    monkeypatch.setattr(spool, "_HELD", 2)


def clip(number: int) -> VideoRecord:
    return VideoRecord(Path(f"/videos/class {number % 7}/clip {number}.mp4"), f"class {number % 7}")


STRANGE = [
    VideoRecord(Path("/a/\udce9t\udce9.mp4"), "\u00e9t\u00e9", name="a name"),
    VideoRecord(Path("/a/b.mp4"), "x", "g01", "train", 0.1, 2 / 3),
    VideoRecord(Path("/a/b.mp4"), None, None, "test", frames=(3, 17), content="0f" * 32),
    VideoRecord(as_path("s3://bucket/key/a.mp4"), "x"),
]


def test_records_come_back_as_they_were(small_blocks: None) -> None:
    kept = RecordSpool()
    for record in STRANGE * 5:
        kept.append(record)
    assert list(kept) == STRANGE * 5
    assert [type(r.path) for r in kept] == [type(r.path) for r in STRANGE * 5]


@given(st.integers(0, 30), st.data())
def test_it_is_as_a_list(number: int, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "BLOCK", 4)
        patch.setattr(spool, "_HELD", 2)
        kept, known = RecordSpool(), [clip(i) for i in range(number)]
        for record in known:
            kept.append(record)
        assert (len(kept), list(kept), bool(kept)) == (number, known, bool(known))
        for index in data.draw(st.lists(st.integers(-35, 35))):
            if -number <= index < number:
                assert kept[index] == known[index]
            else:
                with pytest.raises(IndexError):
                    kept[index]
        start, stop, step = data.draw(
            st.tuples(*[st.integers(-9, 35)] * 2, st.sampled_from([1, 1, 3, -1, -2]))
        )
        assert kept[start:stop:step] == known[start:stop:step]


def test_who_reads_sees_what_is_appended_meanwhile(small_blocks: None) -> None:
    kept = RecordSpool()
    kept.append(clip(0))
    found: Iterator[VideoRecord] = iter(kept)
    assert next(found) == clip(0)
    for number in range(1, 11):
        kept.append(clip(number))
    assert list(found) == [clip(number) for number in range(1, 11)]


def test_one_thread_appends_while_others_read(small_blocks: None) -> None:
    kept, wrong = RecordSpool(), []

    def read() -> None:
        while len(kept) < 2000:
            for number, record in enumerate(kept):
                if record != clip(number):
                    wrong.append((number, record))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(2000):
        kept.append(clip(number))
    for reader in readers:
        reader.join(60)
    assert not wrong


def test_memory_does_not_grow_with_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "BLOCK", 64)

    def held(number: int) -> int:
        tracemalloc.start()
        kept = RecordSpool()
        for i in range(number):
            kept.append(clip(i))
        assert sum(1 for _ in kept) == number
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size

    held(2_000)  # what Python itself keeps
    assert held(9_000) < 1.2 * held(2_000)


def test_a_full_disk_is_said_in_one_line(small_blocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    kept = RecordSpool()
    for number in range(3):
        kept.append(clip(number))
    with pytest.raises(WorkError, match=r"No space left on device.*TMPDIR"):
        kept.append(clip(3))
