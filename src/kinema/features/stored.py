"""Stored sequences by their paths, wherever their bytes are: a file of their own, or a row of a shard.

What packs files removes them when the shard is there; so a file that is gone is looked for once more.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..types import FeatureSequence
from . import sequence_file
from .shards import Row, row_of, shards_of

# What tells one file from another that took its place: inode, size, time of change; of a row, shard and row.
Stamp = tuple[int, ...]
Found = TypeVar("Found")


def read_sequence(path: Path, *, check: bool = True) -> FeatureSequence:
    """The sequence of a path. Raises `WorkError` where it is damaged, of another version, or gone.

    `check=False` believes the values, as a reader may that has checked them before.
    """

    def in_shard(row: Row) -> FeatureSequence:
        return shards_of(path.parent.parent).opened(row.shard).row(row.number, row.key, check=check)

    return _found(path, lambda: sequence_file.read_sequence(path, check=check), in_shard)


def sequence_shape(path: Path) -> tuple[int, int]:
    """(steps, dim), from what the file or the shard says of itself. Raises `WorkError` as `read_sequence`."""
    return _found(path, lambda: sequence_file.sequence_shape(path), lambda row: (row.steps, row.dim))


def read_steps(path: Path, start: int, stop: int) -> np.ndarray:
    """Steps `start` to `stop`, float32 [n, D], of values that are believed. Raises `WorkError`."""

    def in_shard(row: Row) -> np.ndarray:
        shard = shards_of(path.parent.parent).opened(row.shard)
        return shard.row(row.number, row.key, check=False).data[start:stop]

    return _found(path, lambda: sequence_file.read_steps(path, start, stop), in_shard)


def is_stored(path: Path) -> bool:
    """Whether there is a sequence of this path."""
    return os.path.exists(path) or row_of(path) is not None


def stored_size(path: Path) -> int:
    """Bytes that a sequence takes; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        row = row_of(path)
        return 0 if row is None else row.steps * (4 * row.dim + 8)


def stamp_of(path: Path) -> Stamp | None:
    """What tells whether the bytes of a path are the same as before; None where there are none."""
    try:
        found = path.stat()
    except OSError:
        row = row_of(path)
        return None if row is None else (_name_number(row.shard), row.number)
    return found.st_ino, found.st_size, found.st_mtime_ns


def _name_number(shard: str) -> int:
    """A shard's name says what it holds."""
    return int(shard.partition(".")[0], 16)


def _found(path: Path, in_file: Callable[[], Found], in_shard: Callable[[Row], Found]) -> Found:
    for last in (False, True):
        if os.path.exists(path):
            break
        row = row_of(path)
        if row is not None:
            return in_shard(row)
        if not last:
            shards_of(path.parent.parent).look_again()
    try:
        return in_file()
    except Exception:
        row = None if os.path.exists(path) else row_of(path)
        if row is None:
            raise
        return in_shard(row)
