"""Sequences that are asked for again and again: checked once, and kept in memory as far as that goes.

Training reads every sequence once an epoch, and a protocol of many rounds reads the same files in each of
them. A file's digest is compared when it is first read, not again while it stays the file that it was.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import psutil

from ..types import FeatureSequence
from .shard_table import Row
from .stored import Stamp, read_row, read_sequence, sequence_shape, stamp_of

SHARE = 0.25  # of the memory that is free when the first sequence is kept
_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(slots=True)
class _Kept:
    sequence: FeatureSequence
    stamp: Stamp
    asked: int

    @property
    def size(self) -> int:
        return self.sequence.data.nbytes + self.sequence.pts_seconds.nbytes


class SequenceReader:
    """Reads feature files. Sequences in memory are shared between those who ask: do not write into them.

    `bound` is how many bytes are kept, by default `SHARE` of the free memory. What does not fit is read
    from its file each time: in a set that is read in turns, to drop one sequence for another gains nothing.
    Only what was not asked for while the others were, as after a change of stage, makes room.
    """

    def __init__(self, bound: int | None = None):
        self._bound = bound
        self._kept: OrderedDict[Path, _Kept] = OrderedDict()  # the one asked for longest ago first
        self._checked: dict[Path, Stamp] = {}
        self._steps: dict[Path, tuple[Stamp | None, int]] = {}
        self._size, self._asked = 0, 0
        self._lock = threading.Lock()

    def shared_by(self, processes: int) -> None:
        """Keep no more than this process's part of what `processes` may keep together."""
        self._bound = int(SHARE * free_memory() / processes)

    def read(self, path: Path) -> FeatureSequence:
        """The sequence in a file. Raises `WorkError` as `read_sequence` does."""
        stamp = stamp_of(path)
        with self._lock:
            self._asked += 1
            kept = self._kept.get(path)
            if kept is not None and kept.stamp == stamp:
                kept.asked = self._asked
                self._kept.move_to_end(path)
                return kept.sequence
        check = stamp is None or self._checked.get(path) != stamp
        if isinstance(stamp, Row):
            sequence = read_row(path, stamp, check=check)
        else:
            sequence = read_sequence(path, check=check)
        if stamp is not None:
            with self._lock:
                self._checked[path] = stamp
                self._keep(path, _Kept(sequence, stamp, self._asked))
        return sequence

    def steps(self, path: Path) -> int:
        """The length of the sequence in a file, by its header. Raises `WorkError` where it is damaged."""
        stamp, known = stamp_of(path), self._steps.get(path)
        if isinstance(stamp, Row):
            return stamp.steps
        if stamp is None or known is None or known[0] != stamp:
            known = self._steps[path] = stamp, sequence_shape(path)[0]
        return known[1]

    def _keep(self, path: Path, new: _Kept) -> None:
        if self._bound is None:
            self._bound = int(SHARE * free_memory())
        self._drop(path)
        while self._kept and self._size + new.size > self._bound:
            oldest, entry = next(iter(self._kept.items()))
            # Two passes in random order ask for each file at least once.
            if self._asked - entry.asked <= 2 * len(self._checked):
                return
            self._drop(oldest)
        if self._size + new.size <= self._bound:
            self._kept[path] = new
            self._size += new.size

    def _drop(self, path: Path) -> None:
        old = self._kept.pop(path, None)
        self._size -= old.size if old else 0


# The one of this process: rounds and stages read the same files.
SEQUENCES = SequenceReader()


def free_memory() -> int:
    """Bytes that this process may still take: of the machine, or of the container that holds it."""
    free = int(psutil.virtual_memory().available)
    limit = _LIMIT.read_text().strip() if _LIMIT.exists() else ""
    return min(free, int(limit)) if limit.isdecimal() else free
