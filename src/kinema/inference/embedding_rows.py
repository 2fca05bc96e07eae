"""Some columns or some rows of a file of embeddings: what a search reads of millions."""

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from .embedding_file import group_rows, open_embeddings, opened_file, read_embeddings, vectors_of

_VERIFIED: dict[str, tuple[int, int, int, int]] = {}  # files, by what tells them from others


def verify(path: str | Path) -> None:
    """Compare all rows with those that were written; once in a process, while it stays the file that it was.

    Raises `UsageError` as `read_embeddings` does.
    """
    found = os.stat(path)
    stamp = found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    name = os.path.abspath(path)
    if _VERIFIED.get(name) != stamp:
        deque(read_embeddings(path), maxlen=0)
        _VERIFIED[name] = stamp


def each_vectors(path: str | Path) -> Iterator[tuple[int, np.ndarray]]:
    """All vectors in order, without the other columns: (number of the first row, float32 [n, dim]).

    Pages are checked, and that values are finite. Raises `UsageError` where they are damaged.
    """
    dim, start = open_embeddings(path).dim, 0
    with opened_file(path) as file:
        for batch in file.iter_batches(group_rows(dim), columns=["vector"]):
            yield start, vectors_of(batch, dim)
            start += len(batch)


def rows_at(path: str | Path, rows: Iterable[int]) -> dict[int, tuple[str, str | None]]:
    """Path and label of some rows, by number. Raises `UsageError` where they are damaged."""
    found: dict[int, tuple[str, str | None]] = {}
    with opened_file(path) as file:
        for start, group, wanted in _groups(file, rows):
            columns = file.read_row_group(group, columns=["path", "label"]).to_pydict()
            found |= {r: (columns["path"][r - start], columns["label"][r - start]) for r in wanted}
    return found


def vectors_at(path: str | Path, rows: Iterable[int]) -> dict[int, np.ndarray]:
    """The vectors float32 [dim] of some rows, by number. Raises `UsageError` where they are damaged."""
    dim = open_embeddings(path).dim
    found: dict[int, np.ndarray] = {}
    with opened_file(path) as file:
        for start, group, wanted in _groups(file, rows):
            (batch,) = file.read_row_group(group, columns=["vector"]).combine_chunks().to_batches()
            vectors = vectors_of(batch, dim)
            # Copies: a view would keep its whole row group in memory.
            found |= {row: vectors[row - start].copy() for row in wanted}
    return found


def _groups(file: pq.ParquetFile, rows: Iterable[int]) -> Iterator[tuple[int, int, list[int]]]:
    """(number of its first row, number of the group, those of the rows that are in it) of row groups."""
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    ends = list(accumulate(sizes))
    wanted: dict[int, list[int]] = {}
    for row in rows:
        wanted.setdefault(bisect_right(ends, row), []).append(row)
    for group, own in wanted.items():
        yield ends[group] - sizes[group], group, own
