"""Records that are many: a list that lies in a temporary file, so that memory does not grow with it."""

from __future__ import annotations

import json
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from typing import IO, overload

from ..buckets import as_path
from ..errors import WorkError
from ..types import VideoRecord

BLOCK = 1024  # records that are written, and read again, together
_HELD = 8  # blocks that are in memory beside the last
_VALUES = attrgetter(*(field.name for field in fields(VideoRecord)))


class RecordSpool(Sequence[VideoRecord]):
    """A list of records that is only appended to. Any thread may ask, while one appends.

    The first `BLOCK` stay in memory; with more of them a file without a name holds all whole blocks, which
    goes with the process. Appending raises `WorkError` where the disk for temporary files is full.
    """

    def __init__(self) -> None:
        self._last: list[VideoRecord] = []
        self._places: list[tuple[int, int]] = []  # of each whole block: where it begins, and its bytes
        self._read: OrderedDict[int, list[VideoRecord]] = OrderedDict()
        self._file: IO[bytes] | None = None
        self._lock = threading.RLock()

    def append(self, record: VideoRecord) -> None:
        """Add a record behind the others."""
        with self._lock:
            self._last.append(record)
            if len(self._last) == BLOCK:
                self._write()

    def __len__(self) -> int:
        with self._lock:
            return len(self._places) * BLOCK + len(self._last)

    @overload
    def __getitem__(self, index: int) -> VideoRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[VideoRecord]: ...
    def __getitem__(self, index: int | slice) -> VideoRecord | list[VideoRecord]:
        if not isinstance(index, slice):
            number = range(len(self))[index]  # raises IndexError
            return self._block(number // BLOCK)[number % BLOCK]
        start, stop, step = index.indices(len(self))
        if step == 1:
            return list(islice(self._from(start), max(0, stop - start)))
        return [self[number] for number in range(start, stop, step)]

    def __iter__(self) -> Iterator[VideoRecord]:
        """All records, also those that are appended meanwhile."""
        return self._from(0)

    def _from(self, number: int) -> Iterator[VideoRecord]:
        while number < len(self):
            part = self._block(number // BLOCK)[number % BLOCK :]
            yield from part
            number += len(part)

    def _block(self, number: int) -> list[VideoRecord]:
        with self._lock:
            if number == len(self._places):
                return self._last
            if number not in self._read:
                self._read[number] = self._read_block(number)
                if len(self._read) > _HELD:
                    self._read.popitem(last=False)
            self._read.move_to_end(number)
            return self._read[number]

    def _write(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="kinema-")  # noqa: SIM115
            content = json.dumps([_row(record) for record in self._last]).encode("ascii")
            start = self._file.seek(0, 2)
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            reason = error.strerror or error
            raise WorkError(
                f"cannot write to {tempfile.gettempdir()} ({reason}); free some space, or set TMPDIR"
            ) from None
        self._places.append((start, len(content)))
        self._last = []

    def _read_block(self, number: int) -> list[VideoRecord]:
        assert self._file is not None
        start, size = self._places[number]
        self._file.seek(start)
        return [_record(row) for row in json.loads(self._file.read(size))]


def _row(record: VideoRecord) -> list:
    path, *others = _VALUES(record)
    return [str(path), *others]


def _record(row: list) -> VideoRecord:
    path, label, group, split, start, end, frames, name, content = row
    part = None if frames is None else (frames[0], frames[1])
    return VideoRecord(as_path(path), label, group, split, start, end, part, name, content)
