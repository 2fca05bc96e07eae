"""Many feature sequences in one file: Arrow's IPC format, a row a sequence, each row a batch of its own.

Reading a row reads nothing of the others. The schema's metadata hold the keys and lengths of all rows, and
stand in the footer too, so that a file in a bucket says by its end what it holds. A row is believed if its
key is the one that was asked for and its values have its digest. A shard's name is a digest of its keys.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from ..errors import WorkError
from ..keys import FORMAT_VERSION
from ..types import FeatureSequence
from .sequence_file import check_values, values_digest

ENDING = ".arrow"
# Of a shard, whichever comes first.
MOST_ROWS, MOST_BYTES = 4096, 128 << 20
_INDEX = b"kinema.features"
_FIELDS = [
    ("key", pa.string()),
    ("steps", pa.int64()),
    ("dim", pa.int64()),
    ("sha256", pa.string()),
    ("data", pa.large_binary()),
    ("pts_seconds", pa.large_binary()),
]
UNREADABLE = (OSError, ValueError, TypeError, LookupError, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """The keys of a shard's rows in their order, and the steps of each; `dim` is theirs all."""

    keys: Sequence[str]
    steps: Sequence[int]
    dim: int

    @property
    def name(self) -> str:
        """What a shard of these keys is called."""
        return hashlib.sha256("".join(self.keys).encode()).hexdigest()[:32] + ENDING

    def as_json(self) -> str:
        """As it stands in the shard."""
        facts = {"version": FORMAT_VERSION, "dim": self.dim, "keys": self.keys, "steps": self.steps}
        return json.dumps(facts, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> "ShardIndex":
        """Raises one of `UNREADABLE` for what is none, or of another version."""
        facts = json.loads(text)
        if facts["version"] != FORMAT_VERSION:
            raise ValueError(f"it has format version {facts['version']}")
        keys, steps = list(map(str, facts["keys"])), list(map(int, facts["steps"]))
        if len(keys) != len(steps) or any(len(key) != 32 for key in keys):
            raise ValueError("its index is damaged")
        return cls(keys, steps, int(facts["dim"]))


def write_shard(file: IO[bytes], index: ShardIndex, rows: Iterable[FeatureSequence]) -> None:
    """Write the sequences of an index, one in memory at a time."""
    schema = pa.schema(_FIELDS, metadata={_INDEX: index.as_json()})
    with pa.ipc.new_file(file, schema) as writer:
        for key, row in zip(index.keys, rows, strict=True):
            digest = values_digest(row.data, row.pts_seconds)
            values = [row.data.tobytes()], [row.pts_seconds.tobytes()]
            columns = [[key], [len(row)], [row.data.shape[1]], [digest], *values]
            arrays = [pa.array(c, kind) for c, (_, kind) in zip(columns, _FIELDS, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def read_index(source: Any) -> ShardIndex:
    """The index of an open shard, by its footer alone. Raises one of `UNREADABLE`."""
    reader = pa.ipc.open_file(source)
    index = ShardIndex.from_json((reader.schema.metadata or {})[_INDEX])
    if reader.num_record_batches != len(index.keys):
        raise ValueError("it lacks rows")
    return index


class Shard:
    """A shard on this disk, opened. Raises `WorkError` that names it where it is damaged."""

    def __init__(self, path: Path, name: str):
        self._name = name
        with self._told():
            # Read, not mapped: a file that is cut short by somebody else would end the process.
            self._reader = pa.ipc.open_file(pa.OSFile(str(path)))
            if self._reader.schema.names != [name for name, _ in _FIELDS]:
                raise ValueError("it has other columns")

    def row(self, number: int, key: str, *, check: bool = True) -> FeatureSequence:
        """The sequence in a row; `check=False` believes its values, as who has checked them before may."""
        with self._told():
            columns = self._reader.get_batch(number).columns
            found, steps, dim, digest = (column[0].as_py() for column in columns[:4])
            data, pts = (column[0].as_buffer() for column in columns[4:])
            if found != key:
                raise ValueError("a row has another key than the index says")
            array = np.frombuffer(data, np.float32).reshape(steps, dim)
            times = np.frombuffer(pts, np.float64)
            if check:
                check_values(array, times, digest)
            return FeatureSequence(array, times, present=steps > 0)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Damage as one line."""
        try:
            yield
        except FileNotFoundError:
            raise
        except UNREADABLE as error:
            raise WorkError(
                f"shard {self._name} of the features cannot be read ({error}); delete it and extract again"
            ) from None


def planned(sizes: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Keys in shards, in their order: what is packed at once comes out the same, however it was filled."""
    shard: list[str] = []
    total = 0
    for key, size in sorted(sizes):
        if shard and (len(shard) == MOST_ROWS or total + size > MOST_BYTES):
            yield shard
            shard, total = [], 0
        shard.append(key)
        total += size
    if shard:
        yield shard
