"""quarantine.csv of a feature store: files that could not be read, with the reason.

A failure is appended when it happens, so that a killed process leaves it; at the end of its work a process
merges the table. A lock makes both safe for any number of processes.
"""

import csv
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from ..atomic import atomic_open
from ..errors import WorkError

Row = tuple[str, str, str, str]
FIELDS = ("path", "part", "stream", "reason")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an `OSError` of writing `path` into the `WorkError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise WorkError(
            f"cannot write {path} ({error.strerror or error}); free some space, then start again"
        ) from None


class Quarantine:
    """The table at `path`. Its methods raise `WorkError` where it cannot be written."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))

    def add(self, row: Row) -> None:
        """Append a failure. The table is not read for it: thousands of failures cost as much each as one."""
        with writing(self.path), self._lock, open(self.path, "a+b") as file:
            size = file.seek(0, os.SEEK_END)
            text = io.StringIO()
            if size:
                file.seek(size - 1)
                # A process that was killed in the middle of a line left no line end.
                text.write("" if file.read(1) == b"\n" else "\r\n")
            csv.writer(text).writerows([row] if size else [FIELDS, row])
            file.write(text.getvalue().encode("utf-8", "surrogateescape"))

    def settle(self, rows: set[Row], seen: Iterable[tuple[str, str, str]]) -> None:
        """Record failures; older rows of the items (path, part, stream) in `seen` go."""
        with writing(self.path), self._lock:
            old = self._lines()
            items = {row[:3] for row in old}
            gone = items.intersection(seen) if items else set()
            merged = sorted({row for row in old if row[:3] not in gone} | rows)
            if merged == old:
                return
            if not merged:
                self.path.unlink(missing_ok=True)
                return
            with atomic_open(self.path, newline="", errors="surrogateescape") as file:
                writer = csv.writer(file)
                writer.writerow(FIELDS)
                writer.writerows(merged)

    def rows(self) -> list[Row]:
        """All failures, each once; lines that are not whole are passed over."""
        return list(dict.fromkeys(self._lines()))

    def _lines(self) -> list[Row]:
        if not self.path.exists():
            return []
        with open(self.path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = list(csv.reader(file))[1:]
        return [(r[0], r[1], r[2], r[3]) for r in rows if len(r) == len(FIELDS)]
