"""Files of single sequences become shards: on a disk when they are many, in a bucket always.

A shard appears whole, and then its files go; who is killed in between leaves both, which hold the same. One
process at a time packs a shelf.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from ..atomic import atomic_open, temporary_name
from ..buckets.cache import adopt
from ..buckets.folder import send_file
from ..errors import WorkError
from .quarantine import writing
from .sequence_file import read_sequence, sequence_shape
from .shard import MOST_BYTES, MOST_ROWS, ShardIndex, planned, write_shard
from .shards import FOLDER, shards_of

# More files than so many are packed at the end of an extraction.
MANY_FILES = 10_000
ENDING = ".safetensors"
_NAME = 32 + len(ENDING)  # characters; temporary files have more
Found = TypeVar("Found")


class Packing:
    """Packs one shelf: now and then while a bucket's is filled, and at the end."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._files = self._bytes = 0
        self._thread: ThreadPoolExecutor | None = None
        self._busy: Future[None] | None = None

    def stored(self, size: int) -> None:
        """A file of so many bytes is there; of a bucket's shelf a full shard is packed while work goes on.

        Raises what packing before has raised.
        """
        self._files, self._bytes = self._files + 1, self._bytes + size
        if shards_of(self.folder).origin is None:
            return
        if self._files >= MOST_ROWS or self._bytes >= MOST_BYTES:
            self._wait()
            self._files = self._bytes = 0
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="pack")
            self._busy = self._thread.submit(pack, self.folder, rest=False)

    def finish(self) -> None:
        """Pack what is left of a bucket's shelf, and of a disk's where its files are many."""
        self._wait()
        if shards_of(self.folder).origin is not None or _more_than(self.folder, MANY_FILES):
            pack(self.folder)

    def _wait(self) -> None:
        if self._busy is not None:
            busy, self._busy = self._busy, None
            busy.result()


def pack(folder: Path, *, rest: bool = True) -> None:
    """Pack the files of a shelf into shards, if nobody else does. Raises `WorkError`, `BucketError`.

    `rest`: whether those that do not fill a shard are packed too. A file that cannot be read is left where it
    is: who reads it says so.
    """
    lock = FileLock(folder / ".pack.lock", timeout=0)
    with writing(folder):
        try:
            lock.acquire()
        except Timeout:
            return
        try:
            sizes = {path.stem: size for path, size in _files(folder)}
            plan = list(planned(sizes.items()))
            for keys in plan if rest else plan[:-1]:
                _pack(folder, keys)
        finally:
            lock.release()


def _pack(folder: Path, keys: list[str]) -> None:
    """Make one shard, of those of the files that can be read."""
    while keys:
        try:
            _packed(folder, keys)
            return
        except _Damaged as damaged:
            keys = [key for key in keys if key != damaged.key]


class _Damaged(Exception):
    def __init__(self, key: str):
        super().__init__(key)
        self.key = key


def _of(folder: Path, key: str, read: Callable[[Path], Found]) -> Found:
    try:
        return read(file_of(folder, key))
    except WorkError:
        raise _Damaged(key) from None


def _packed(folder: Path, keys: list[str]) -> None:
    shards = shards_of(folder)
    shapes = [_of(folder, key, sequence_shape) for key in keys]
    index = ShardIndex(keys, [steps for steps, _ in shapes], shapes[0][1])
    target = folder / FOLDER / index.name
    rows = (_of(folder, key, read_sequence) for key in keys)
    if shards.origin is None:
        with atomic_open(target, "wb") as file:
            write_shard(file, index, rows)
    else:
        partial = temporary_name(target)
        partial.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(partial, "xb") as file:
                write_shard(file, index, rows)
            send_file(partial, shards.origin / index.name)
            adopt(partial, shards.origin / index.name)
        finally:
            partial.unlink(missing_ok=True)
    shards.look_again()
    for key in index.keys:
        file_of(folder, key).unlink(missing_ok=True)


def file_of(folder: Path, key: str) -> Path:
    """Where the file of a key is, or would be."""
    return _place(folder, key[:2]) / f"{key}{ENDING}"


def name_of(folder: Path, key: str) -> str:
    """As `file_of`, as text: of many, making a path costs more than asking for the file."""
    return f"{folder}/{key[:2]}/{key}{ENDING}"


@lru_cache(maxsize=1 << 12)
def _place(folder: Path, start: str) -> Path:
    """The folder of the files whose keys start so: of many paths, their common part costs most."""
    return folder / start


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """The files of single sequences with their bytes."""
    with os.scandir(folder) as places:
        for place in places:
            if len(place.name) == 2 and place.is_dir():
                with os.scandir(place) as files:
                    for file in files:
                        if file.name.endswith(ENDING) and len(file.name) == _NAME:
                            with suppress(OSError):  # packed by another process
                                yield Path(file), file.stat().st_size


def _more_than(folder: Path, count: int) -> bool:
    return any(number > count for number, _ in enumerate(_files(folder), start=1))
