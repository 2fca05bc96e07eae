"""Stored sequences by their paths, wherever their bytes are: a file of their own, or a row of a shard.

Who packs files removes them when the shard is there; so a file that is gone is looked for once more.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..types import FeatureSequence
from . import sequence_file
from .shard_table import Row
from .shards import row_of, shards_of

# What tells one file from another that took its place: inode, size, time of change. A shard never changes.
Stamp = tuple[int, int, int] | Row
Found = TypeVar("Found")


def read_sequence(path: Path, *, check: bool = True) -> FeatureSequence:
    """The sequence of a path. Raises `WorkError` where it is damaged, of another version, or gone.

    `check=False` believes the values, as a reader may that has checked them before.
    """
    return _found(
        path,
        lambda: sequence_file.read_sequence(path, check=check),
        lambda row: read_row(path, row, check=check),
    )


def sequence_shape(path: Path) -> tuple[int, int]:
    """(steps, dim), from what the file or the shard says of itself. Raises `WorkError` as `read_sequence`."""
    return _found(path, lambda: sequence_file.sequence_shape(path), lambda row: (row.steps, row.dim))


def read_steps(path: Path, start: int, stop: int) -> np.ndarray:
    """Steps `start` to `stop`, float32 [n, D], of values that are believed. Raises `WorkError`."""
    return _found(
        path,
        lambda: sequence_file.read_steps(path, start, stop),
        lambda row: read_row(path, row, check=False).data[start:stop],
    )


def read_row(path: Path, row: Row, *, check: bool) -> FeatureSequence:
    """The sequence in a row of the shelf that `path` is of."""
    shard = shards_of(path.parent.parent).opened(row.shard)
    return shard.row(row.number, row.key, check=check)


def is_stored(path: Path) -> bool:
    """Whether there is a sequence of this path."""
    return stamp_of(path) is not None


def stored_size(path: Path) -> int:
    """Bytes that a sequence takes; 0 where there is none."""
    stamp = stamp_of(path)
    if stamp is None:
        return 0
    return sequence_file.values_size(stamp.steps, stamp.dim) if isinstance(stamp, Row) else stamp[1]


def stamp_of(path: Path) -> Stamp | None:
    """What tells whether the bytes of a path are the same as before; None where there are none."""
    try:
        found = os.stat(path)
    except OSError:
        return row_of(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


def _found(path: Path, in_file: Callable[[], Found], in_shard: Callable[[Row], Found]) -> Found:
    if not os.path.exists(path):
        row = row_of(path)
        if row is None:
            shards_of(path.parent.parent).look_again()
            row = row_of(path)
        if row is not None:
            return in_shard(row)
    try:
        return in_file()
    except Exception:
        # It may have been packed meanwhile.
        row = None if os.path.exists(path) else row_of(path)
        if row is None:
            raise
        return in_shard(row)
