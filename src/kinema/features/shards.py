"""The shards of a shelf, beside its files or in a bucket: what they hold, and where a sequence's bytes are.

    SHELF/shards/<name>.arrow        of a store on a disk
    SHELF/origin.json                the URL of the shelf, where its shards are in a bucket
    SHELF/index/<name>-<version>     what a shard in a bucket holds, remembered

The path of a sequence is its name: where its bytes are is looked up when it is read.
"""

import json
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pyarrow as pa

from ..atomic import write_text
from ..buckets import as_path
from ..buckets.cache import fetched, touched
from ..buckets.listing import ASKING, Mark, entries, forget
from ..buckets.parts import opened
from ..errors import WorkError
from .digests import RACY_NS
from .shard import ENDING, UNREADABLE, Shard, ShardIndex, read_index
from .shard_table import Row, RowTable, ShardRows

FOLDER, ORIGIN, INDEX = "shards", "origin.json", "index"
_OPEN = 64  # shards
_KEY = re.compile(r"[0-9a-f]{32}")
# Seconds until shards of other processes are looked for again: on a disk, and in a bucket.
_LOOK_SOON, _LOOK_AGAIN = 0.2, 20.0


class Shards:
    """The shards of one shelf. Any thread may ask."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.origin = _origin(self.folder)
        self.damaged: dict[str, str] = {}  # shards that are left out, and why
        self._rows: dict[str, ShardRows] = {}
        self._versions: dict[str, str] = {}
        self._table = RowTable({})
        self._seen: object = None
        self._looked = 0.0
        self._copies: dict[str, Path] = {}
        self._open: OrderedDict[str, Shard] = OrderedDict()
        self._lock = threading.RLock()

    def find(self, key: str) -> Row | None:
        """The row of a key; None where no shard has it. Only for one that is not known is it looked again."""
        with self._lock:
            known = self._table.find(key)
            if known is None:
                self._look()
                known = self._table.find(key)
            return known

    def file(self, name: str) -> Path:
        """A shard on this disk, fetched if need be. What it holds never changes: its name says it."""
        if self.origin is None:
            return self.folder / FOLDER / name
        known = self._copies.get(name)
        if known is None or not touched(known):
            try:
                known = self._copies[name] = fetched(self.origin / name).path
            except OSError as error:
                reason = error.strerror or error
                raise WorkError(f"shard {self.origin / name} is gone ({reason}); extract again") from None
        return known

    def opened(self, name: str) -> Shard:
        """A shard to read from. Raises `WorkError` where it is damaged or gone."""
        with self._lock:
            if name in self._open:
                self._open.move_to_end(name)
                return self._open[name]
            try:
                found = self._open[name] = Shard(self.file(name), str(self.place(name)))
            except FileNotFoundError:
                raise WorkError(f"shard {self.place(name)} is gone; extract again") from None
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)
            return found

    def look_again(self) -> None:
        """Take in what others have packed."""
        with self._lock:
            self._looked, self._seen = 0.0, object()
            self._look()

    def place(self, name: str) -> Path:
        """What a shard is called."""
        return (self.folder / FOLDER if self.origin is None else self.origin) / name

    def _look(self) -> None:
        if self.origin is None:
            if time.monotonic() - self._looked < _LOOK_SOON:
                return
            self._looked = time.monotonic()
            try:
                seen: int | None = os.stat(self.folder / FOLDER).st_mtime_ns
            except OSError:
                seen = None
            if seen != self._seen or (seen is None and self._rows):
                # A folder that was changed a moment ago may change again within one tick of its clock.
                self._seen = seen if seen is None or time.time_ns() - seen > RACY_NS else object()
                self._take(dict(_files(self.folder / FOLDER)))
        elif time.monotonic() - self._looked > _LOOK_AGAIN or not self._looked:
            forget(self.origin)
            found: Mapping[str, Mark | None] = {}
            with suppress(FileNotFoundError):
                found = entries(self.origin)
            marks = ((name, mark) for name, mark in found.items() if name.endswith(ENDING))
            self._take({name: mark.digest.hex() for name, mark in marks if mark})
            self._looked = time.monotonic()

    def _take(self, there: Mapping[str, str]) -> None:
        """Read the indices of shards that are new, and forget those that are gone; of each its version."""
        if there == self._versions:
            return
        self.damaged = {}
        new = [name for name, version in there.items() if self._versions.get(name) != version]
        with ThreadPoolExecutor(ASKING) as pool:
            found = list(pool.map(partial(self._rows_of, there), new))
        self._rows = {name: rows for name, rows in self._rows.items() if name in there}
        for name, rows in zip(new, found, strict=True):
            self._rows.pop(name, None)
            self._open.pop(name, None)
            self._copies.pop(name, None)
            if rows is not None:
                self._rows[name] = rows
        self._versions = {name: version for name, version in there.items() if name in self._rows}
        for name in list(self._open):
            if name not in there:
                del self._open[name]
        self._table = RowTable(self._rows)

    def _rows_of(self, there: Mapping[str, str], name: str) -> ShardRows | None:
        try:
            if self.origin is None:
                with pa.OSFile(str(self.folder / FOLDER / name)) as file:
                    return ShardRows.of(read_index(file))
            note = self.folder / INDEX / f"{name}-{there[name][:16]}"
            return ShardRows.of(_remembered(note, self.origin / name))
        except UNREADABLE as error:
            self.damaged[name] = str(error)
            return None


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """The shards in a folder, each with what tells one file from another that took its place."""
    with suppress(OSError), os.scandir(folder) as found:
        for file in found:
            if file.name.endswith(ENDING) and not file.name.startswith("."):
                facts = file.stat()
                yield file.name, f"{facts.st_ino} {facts.st_size} {facts.st_mtime_ns}"


def _remembered(note: Path, path: Path) -> ShardIndex:
    """The index of a shard in a bucket, by its end alone; from the note where there is one."""
    with suppress(*UNREADABLE):
        return ShardIndex.from_json(note.read_text(encoding="utf-8"))
    with opened(path) as file:
        index = read_index(pa.PythonFile(file, mode="r"))
    with suppress(OSError):
        write_text(note, index.as_json())
    return index


def _origin(folder: Path) -> Path | None:
    try:
        return as_path(json.loads((folder / ORIGIN).read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


_shards: dict[str, Shards] = {}
_making = threading.Lock()


def shards_of(folder: str | Path) -> Shards:
    """The shards of a shelf's folder, the same for all of this process."""
    name = os.fspath(folder)
    found = _shards.get(name)
    if found is None:
        with _making:
            found = _shards.setdefault(name, Shards(folder))
    return found


def row_of(path: Path) -> Row | None:
    """The row that a sequence's path means where it has no file of its own."""
    folder, name = os.path.split(path)
    key = name.partition(".")[0]
    if not _KEY.fullmatch(key):
        return None
    return shards_of(os.path.dirname(folder)).find(key)
