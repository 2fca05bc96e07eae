"""The CSV file on disk: each change is written at once, and what others write meanwhile is never lost.

A change is a small difference (rows to remove, rows to add). It is made to the file as it stands at that
moment, under a lock that every `kinema label` takes, and the whole file is replaced: so a kill at any moment
leaves the file before or after a change, and what another program changed meanwhile is kept. Where another
program has removed rows (an editor that saved what it had read long ago), the version before is kept beside
the file.
"""

import hashlib
import os
import stat
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from ..atomic import atomic_open
from ..errors import UsageError, WorkError
from .table import Labelled, Table

LOCK_SECONDS = 10.0
ATTEMPTS = 5


class Conflict(WorkError):
    """The file is not what the change was made for; nothing was written."""


class NotSaved(WorkError):
    """The disk did not take the change."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What another program did to the file: rows that are new, rows that are gone, and the file (beside the
    labels) that has the version before, where rows are gone. `number` counts such changes."""

    number: int
    gained: int
    lost: tuple[Labelled, ...]
    kept: str | None


class _Overtaken(Exception):
    """Another program wrote the file while a change to it was being written."""


class LabelFile:
    """A label file at work. May be used from several threads. `name` is what messages call it.

    Raises `UsageError` where what is there is no file of segments, that names the line.
    """

    def __init__(self, path: Path):
        self.path = Path(os.path.realpath(path))  # a link stays one
        self.name = path.name
        self.outside: Outside | None = None
        self._threads = threading.RLock()
        self._lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        self._data = self._read()
        self._table = Table.empty() if self._data is None else Table.parse(self._data, self.name)

    @property
    def version(self) -> str:
        """A digest of what is known of the file."""
        return hashlib.sha256(self._data or b"").hexdigest()[:16]

    def table(self) -> Table:
        """The file as it is now. Raises `Conflict` where another program has made it unreadable."""
        with self._threads:
            data = self._read()
            if data != self._data:
                self._take(data)
            return self._table

    def change(self, remove: Iterable[Labelled], add: Iterable[Labelled]) -> Table:
        """Make a change and return the file after it. Nothing is done twice: a change that is there already
        (it was sent again because its answer was lost) is fine.

        Raises `Conflict` where a row to remove is gone, or the file cannot be read any more, and `NotSaved`.
        """
        gone, new = list(remove), list(add)
        with self._threads:
            try:
                with self._lock.acquire(timeout=LOCK_SECONDS):
                    for _ in range(ATTEMPTS):
                        if self._attempt(gone, new):
                            return self._table
            except Timeout:
                raise NotSaved(f"another program holds {self._lock.lock_file}; end it") from None
            except OSError as error:
                raise NotSaved(
                    f"{self.name} cannot be written ({error.strerror or error}); free space, or its rights"
                ) from None
        raise NotSaved(f"another program writes {self.name} all the time; end it")

    def _attempt(self, remove: list[Labelled], add: list[Labelled]) -> bool:
        """Whether the change was written; not where another program came between."""
        table = self.table()
        present = set(table.labelled)
        if not present.intersection(remove) and present.issuperset(add):
            return True
        try:
            changed = table.changed(remove, [row for row in add if row not in present])
        except KeyError:
            raise Conflict(
                f"another program changed this segment in {self.name}; the page now shows what is there"
            ) from None
        data = changed.encoded()
        try:
            with atomic_open(self.path, "wb") as file:
                file.write(data)
                self._keep_mode(file.fileno())
                if self._read() != self._data:
                    raise _Overtaken
        except _Overtaken:
            return False
        self._data, self._table = data, changed
        return True

    def _keep_mode(self, descriptor: int) -> None:
        if self._data is not None and hasattr(os, "fchmod"):
            os.fchmod(descriptor, stat.S_IMODE(self.path.stat().st_mode))

    def _read(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(
                f"cannot read {self.path} ({error.strerror}); check its path and rights"
            ) from None

    def _take(self, data: bytes | None) -> None:
        """Another program has written the file: what it has now counts, and what it had is kept."""
        before, had = self._table, self._data
        if data is None:
            table = Table.empty()
        else:
            try:
                table = Table.parse(data, self.name)
            except UsageError as error:
                raise Conflict(
                    f"another program changed {self.name}, and it cannot be read now: {error}"
                ) from None
        lost = before.missing_in(table)
        kept = None
        if lost and had is not None:
            kept = self.path.with_name(f"{self.path.stem}.before-{self.version[:8]}{self.path.suffix}")
            with atomic_open(kept, "wb") as file:
                file.write(had)
        number = self.outside.number + 1 if self.outside else 1
        gained = len(table.missing_in(before))
        self.outside = Outside(number, gained, tuple(lost), kept.name if kept else None)
        self._data, self._table = data, table
