"""Which rows the shards of a shelf hold, by key, in 28 bytes a row and 20 more for what each shard says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .shard import ShardIndex


class Row(NamedTuple):
    """A sequence in a shard: which, where in it, its key, and how long it is."""

    shard: str
    number: int
    key: str
    steps: int
    dim: int


@dataclass(frozen=True, slots=True)
class ShardRows:
    """What a shard holds: keys uint64 [n, 2], of 16 bytes each; steps int32 [n]."""

    keys: np.ndarray
    steps: np.ndarray
    dim: int

    @classmethod
    def of(cls, index: ShardIndex) -> "ShardRows":
        """Raises ValueError for keys that are none."""
        keys = np.frombuffer(bytes.fromhex("".join(index.keys)), ">u8").astype(np.uint64)
        return cls(keys.reshape(-1, 2), np.array(index.steps, np.int32), index.dim)


class RowTable:
    """All rows of all shards, in the order of their keys; of two with one key the first shard's by name."""

    def __init__(self, shards: Mapping[str, ShardRows]):
        self._names = sorted(shards)
        parts = [shards[name] for name in self._names]
        self._dims = [part.dim for part in parts]
        counts = [len(part.steps) for part in parts]
        keys = np.concatenate([np.empty((0, 2), np.uint64), *(part.keys for part in parts)])
        order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable
        self._high, self._low = keys[order].T.copy()
        numbers = [np.arange(count, dtype=np.int32) for count in counts]
        shard = np.repeat(np.arange(len(parts), dtype=np.int32), counts)
        nothing = np.empty(0, np.int32)
        steps = np.concatenate([nothing, *(part.steps for part in parts)])
        self._rows = np.stack([shard, np.concatenate([nothing, *numbers]), steps], 1)[order]

    def find(self, key: str) -> Row | None:
        """The row of a key of 32 hexadecimal digits; of others there is none."""
        if len(key) != 32:
            return None
        high, low = np.uint64(int(key[:16], 16)), np.uint64(int(key[16:], 16))
        place = np.searchsorted(self._high, high)
        while place < len(self._high) and self._high[place] == high and self._low[place] < low:
            place += 1
        if place == len(self._high) or (self._high[place], self._low[place]) != (high, low):
            return None
        shard, number, steps = self._rows[place].tolist()
        return Row(self._names[shard], number, key, steps, self._dims[shard])
