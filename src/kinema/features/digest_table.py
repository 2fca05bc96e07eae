"""The table of remembered digests: SQLite in one file, which may be deleted at any time.

SQLite keeps rows safe against kill -9 and many processes. Its journal is the older one, not the write-ahead
log, which needs all processes on one machine. A row carries a checksum of its own. A table that is damaged,
locked or read-only knows less, and never something wrong.
"""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

LOCKED_SECONDS = 10.0
_FLUSH_ROWS, _FLUSH_SECONDS = 2000, 5.0
_ASKED_AT_ONCE = 500
_MAKE = (
    "CREATE TABLE IF NOT EXISTS digests"
    " (path BLOB PRIMARY KEY, stamp BLOB, digest BLOB, checksum BLOB) WITHOUT ROWID"
)

Row = tuple[bytes, bytes]  # stamp and digest


class DigestTable:
    """Stamp and digest by path, opened when first asked. Any thread may call; nothing is raised."""

    def __init__(self, path: Path):
        self._path = path
        self._lock = threading.RLock()
        self._new: dict[bytes, Row] = {}
        self._written = time.monotonic()
        self._connection: sqlite3.Connection | None = None
        self._reads = self._writes = self._renewable = True

    def get(self, names: Sequence[bytes]) -> dict[bytes, Row]:
        """The rows of these paths that are there and whole."""
        with self._lock:
            found = {name: self._new[name] for name in names if name in self._new}
            for few in _batches((name for name in names if name not in found), _ASKED_AT_ONCE):
                found |= {row[0]: (row[1], row[2]) for row in self._asked(few) if _whole(row)}
        return found

    def put(self, name: bytes, stamp: bytes, digest: bytes) -> None:
        """Remember a row; it is written with others, some seconds later."""
        with self._lock:
            self._new[name] = stamp, digest
            if len(self._new) >= _FLUSH_ROWS or time.monotonic() - self._written > _FLUSH_SECONDS:
                self._flush()

    def close(self) -> None:
        """Write what is new and close the file; whoever asks again opens it again."""
        with self._lock:
            self._flush()
            self._disconnect()

    def _asked(self, names: Sequence[bytes]) -> list[tuple]:
        marks = ",".join("?" * len(names))
        query = f"SELECT path, stamp, digest, checksum FROM digests WHERE path IN ({marks})"
        try:
            return self._do(lambda db: db.execute(query, names).fetchall()) if self._reads else []
        except sqlite3.Error:
            self._reads = self._writes = False
            return []

    def _flush(self) -> None:
        rows = [(name, *row, _checksum(name, *row)) for name, row in self._new.items()]
        self._new, self._written = {}, time.monotonic()
        try:
            if rows and self._writes:
                self._do(
                    lambda db: db.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", rows)
                )
        except sqlite3.Error:  # read-only, locked for long, or the disk is full
            self._writes = False

    def _do(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """Work in a transaction of its own. What is damaged, or no table at all, is begun anew, once."""
        try:
            with self._connected() as connection:
                return work(connection)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._disconnect()
            if not self._renewable:
                raise
            self._renewable = False
            for path in (self._path.with_name(f"{self._path.name}-journal"), self._path):
                with suppress(OSError):
                    path.unlink()
            return self._do(work)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, timeout=LOCKED_SECONDS, check_same_thread=False)
            # A kill loses nothing even so; a power failure may, and is then found.
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(_MAKE)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _whole(row: tuple) -> bool:
    return all(isinstance(value, bytes) for value in row) and row[3] == _checksum(*row[:3])


def _checksum(name: bytes, stamp: bytes, digest: bytes) -> bytes:
    return hashlib.blake2b(b"\0".join((name, stamp, digest)), digest_size=8).digest()


def _batches(values: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    values = iter(values)
    while batch := list(islice(values, size)):
        yield batch
