"""The content of files as a stream: in order, each file once, not far ahead, and stopped at once."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
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


def test_records_come_in_order_with_their_digests(records: list[VideoRecord]) -> None:
    contents = Contents()
    found = []
    for record in Identified(records, contents, Digests()):
        assert contents.digests[record.path] == hashlib.sha256(record.path.read_bytes()).hexdigest()
        found.append(record)
    assert found == records


def test_a_file_with_several_parts_is_read_once_and_what_is_known_never(records: list[VideoRecord]) -> None:
    parts = [VideoRecord(r.path, start_seconds=s, end_seconds=s + 1) for r in records for s in (0, 1, 2)]
    digests, contents = Counting(), Contents({records[3].path: "known"}, {records[4].path: "not readable"})
    assert list(Identified(parts, contents, digests)) == parts
    assert sorted(digests.read_paths) == sorted(
        {r.path for r in records} - {records[3].path, records[4].path}
    )
    assert contents.digests[records[3].path] == "known"


def test_what_cannot_be_read_has_a_reason(records: list[VideoRecord], tmp_path: Path) -> None:
    absent, contents = VideoRecord(tmp_path / "absent.mp4"), Contents()
    identified = Identified([records[0], absent], contents, Digests())
    assert list(identified) == [records[0], absent]
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
    assert next(identified) == records[0]
    assert asked <= 6
    assert not identified.complete
    assert list(identified) == records[1:]
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
    assert list(identified) == records[1:]


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
