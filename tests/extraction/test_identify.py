"""The content of files as a stream: in order, each file once, not far ahead, and stopped at once."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kinema.extraction import identify
from kinema.extraction.identify import Contents, Identified
from kinema.features.digests import Digests
from kinema.types import VideoRecord


class Counting(Digests):
    def __init__(self) -> None:
        super().__init__()
        self.read_paths: list[Path] = []

    def read(self, path: Path) -> str:
        self.read_paths.append(path)
        return super().read(path)


@pytest.fixture
def records(tmp_path: Path) -> list[VideoRecord]:
    for number in range(30):
        (tmp_path / f"{number}.mp4").write_text(f"content {number}")
    return [VideoRecord(tmp_path / f"{number}.mp4") for number in range(30)]


def known(records: list[VideoRecord]) -> list[VideoRecord]:
    return [replace(r, content=hashlib.sha256(r.path.read_bytes()).hexdigest()) for r in records]


def test_records_come_in_order_with_their_digests(records: list[VideoRecord]) -> None:
    contents = Contents()
    assert list(Identified(records, contents, Digests())) == known(records)
    assert contents.digests == {r.path: r.content for r in known(records)}


def test_a_file_with_several_parts_is_read_once_and_what_is_known_never(records: list[VideoRecord]) -> None:
    parts = [VideoRecord(r.path, start_seconds=s, end_seconds=s + 1) for r in records for s in (0, 1, 2)]
    digests, contents = Counting(), Contents({records[3].path: "known"}, {records[4].path: "not readable"})
    found = list(Identified(parts, contents, digests))
    assert [replace(r, content=None) for r in found] == parts
    assert {r.content for r in found[9:12]} == {"known"}
    assert {r.content for r in found[12:15]} == {None}
    assert sorted(digests.read_paths) == sorted(
        {r.path for r in records} - {records[3].path, records[4].path}
    )
    assert contents.digests[records[3].path] == "known"


def test_what_cannot_be_read_has_a_reason(records: list[VideoRecord], tmp_path: Path) -> None:
    absent, contents = VideoRecord(tmp_path / "absent.mp4"), Contents()
    identified = Identified([records[0], absent], contents, Digests())
    assert list(identified) == [*known(records[:1]), absent]
    assert "cannot be read (No such file" in contents.unreadable[absent.path]
    assert identified.complete


def test_the_first_comes_before_the_last_is_known(
    records: list[VideoRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither all records nor all files are waited for."""
    monkeypatch.setattr(identify, "_BATCH", 2)
    monkeypatch.setattr(identify, "AHEAD_FILES", 6)
    asked = 0

    def counted() -> Iterator[VideoRecord]:
        nonlocal asked
        for record in records:
            asked += 1
            yield record

    digests = Counting()
    identified = Identified(counted(), Contents(), digests)
    assert [next(identified)] == known(records[:1])
    assert asked <= 6
    assert not identified.complete
    assert list(identified) == known(records[1:])
    assert identified.complete


def test_reading_ahead_is_bounded_by_bytes_too(
    records: list[VideoRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identify, "_BATCH", 1)
    monkeypatch.setattr(identify, "AHEAD_BYTES", 3 * len("content 0"))
    digests = Counting()
    identified = Identified(records, Contents(), digests)
    next(identified)
    assert len(digests.read_paths) <= 4
    assert list(identified) == known(records[1:])


def test_who_waits_for_a_file_is_stopped_at_once(records: list[VideoRecord]) -> None:
    released = threading.Event()

    class Stuck(Digests):
        def read(self, path: Path) -> str:
            released.wait(60)
            return super().read(path)

    identified = Identified(records, Contents(), Stuck())
    ended = threading.Event()

    def ask() -> None:
        assert list(identified) == []
        ended.set()

    threading.Thread(target=ask).start()
    time.sleep(0.05)
    identified.stop()
    assert ended.wait(30)
    released.set()


def test_what_goes_wrong_with_the_records_is_raised(records: list[VideoRecord]) -> None:
    def broken() -> Iterator[VideoRecord]:
        yield records[0]
        raise ValueError("line 2")

    with pytest.raises(ValueError, match="line 2"):
        list(Identified(broken(), Contents(), Digests()))


def test_with_a_limit_only_the_last_digests_are_kept_and_none_is_wrong(
    records: list[VideoRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identify, "_BATCH", 4)
    contents = Contents(limit=5)
    twice = [*records, *records[:9]]  # the last are long forgotten
    assert list(Identified(twice, contents, Digests())) == known(twice)
    assert len(contents.digests) <= 2 * 5


@pytest.mark.parametrize("limit", [None, 5])
def test_copies_are_files_whose_content_another_has(records: list[VideoRecord], limit: int | None) -> None:
    parts = [VideoRecord(r.path, start_seconds=s, end_seconds=s + 1) for r in records for s in (0, 1)]
    contents = Contents(limit=limit)
    list(Identified(parts, contents, Digests()))
    assert contents.copies() is None
    for number in (7, 11, 29):
        records[number].path.write_text("content 3")
    contents = Contents(limit=limit)
    list(Identified(parts, contents, Digests()))
    is_copy = contents.copies()
    assert is_copy is not None
    assert [n for n, record in enumerate(records) if is_copy(record.path)] == [3, 7, 11, 29]


def test_what_a_record_carries_is_not_read_again(records: list[VideoRecord]) -> None:
    digests, contents = Counting(), Contents()
    carried = [replace(r, content="carried") for r in records[:10]]
    assert list(Identified([*carried, *records[10:]], contents, digests)) == [*carried, *known(records[10:])]
    assert sorted(digests.read_paths) == sorted(r.path for r in records[10:])
    assert contents.digests[records[0].path] == "carried"
