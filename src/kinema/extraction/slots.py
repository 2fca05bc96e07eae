"""Clips from a worker to its parent: their arrays through a file in memory, the rest through the pipe.

The file has no name, so nothing remains of it when both processes are gone, however they ended. It is written
by calls: a lack of memory is then an error, where a map would end in a signal. It is read through a map.
"""

import math
import mmap
import os
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np

from ..types import Clip
from .messages import Arrays, Placed, Taken

# Slots of the file: one is written while another is read.
SLOTS = 4
# Small clips share a slot, and are announced together: a message costs more than to copy a frame.
SLOT_BYTES = 2 << 20
SLOT_CLIPS = 16


@contextmanager
def memory_file() -> Iterator[int]:
    """The descriptor of a new file without a name, in memory where the system has that."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("kinema")
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryFile() as file:
            yield file.fileno()


class ClipSender:
    """The worker's end: sends clips, waiting for a free slot, and receives what is asked of the worker.

    A clip may wait for the next ones, up to the end of its job.
    """

    def __init__(self, connection: Connection, file: int):
        self._connection, self._file = connection, file
        self._slot_bytes = SLOT_BYTES
        self._sent = self._untaken = self._filled = 0
        self._waiting: list[tuple[float, Arrays]] = []

    def send(self, message: Any) -> None:
        """Send one message, a clip through the file. Raises `OSError` where there is no memory for a clip."""
        if isinstance(message, Clip):
            self._place(message)
        else:
            self._announce()
            self._connection.send(message)

    def receive(self) -> Any:
        """The next thing that the parent asks for."""
        while isinstance(message := self._connection.recv(), Taken):
            self._untaken -= 1
        return message

    def _place(self, clip: Clip) -> None:
        arrays = [np.ascontiguousarray(array) for array in clip.inputs]
        size = sum(array.nbytes for array in arrays)
        if self._filled + size > self._slot_bytes:
            self._announce()
        if size > self._slot_bytes:  # slots move: none may be in use
            self._wait(0)
            self._slot_bytes = size
        if not self._waiting:
            self._wait(SLOTS - 1)
        offset = self._start + self._filled
        for array in arrays:
            _write(self._file, _bytes(array), offset)
            offset += array.nbytes
        self._filled += size
        self._waiting.append((clip.pts_seconds, tuple((a.shape, a.dtype.str) for a in arrays)))
        if len(self._waiting) == SLOT_CLIPS:
            self._announce()

    @property
    def _start(self) -> int:
        """Where the slot that is being filled begins."""
        return self._sent % SLOTS * self._slot_bytes

    def _announce(self) -> None:
        if not self._waiting:
            return
        self._connection.send(Placed(self._start, self._filled, tuple(self._waiting)))
        self._sent += 1
        self._untaken += 1
        self._filled, self._waiting = 0, []

    def _wait(self, untaken: int) -> None:
        while self._untaken > untaken:
            self._connection.recv()
            self._untaken -= 1


class Held(Protocol):
    """Bytes that are somewhere."""

    def arrays(self, start: int, end: int, dtype: str, shape: Sequence[int]) -> Sequence[Any]:
        """A part of them as arrays of one shape, one behind the other."""


# Moves bytes uint8 [n] elsewhere; None where there is no room.
Mover = Callable[[np.ndarray], Held | None]


@dataclass(frozen=True, slots=True)
class InMemory:
    """Bytes in this process: uint8 [n]."""

    memory: np.ndarray

    def arrays(self, start: int, end: int, dtype: str, shape: Sequence[int]) -> Sequence[np.ndarray]:
        """A part of them as arrays of one shape, one behind the other."""
        return list(self.memory[start:end].view(dtype).reshape(-1, *shape))


class ClipReceiver:
    """The parent's end: takes the clips that are announced, into memory of their own or where it is told."""

    def __init__(self, connection: Connection, file: int):
        self._connection, self._file = connection, file
        self._seen = np.empty(0, np.uint8)
        self._free: dict[int, list[bytearray]] = {}

    def take(self, placed: Placed, mover: Mover | None = None) -> list[Clip]:
        """The clips of a slot, which is free again."""
        end = placed.offset + placed.size
        if end > len(self._seen):  # the file has grown
            self._seen = np.frombuffer(mmap.mmap(self._file, 0), np.uint8)
        seen = self._seen[placed.offset : end]
        held = (mover(seen) if mover else None) or InMemory(self._copied(seen))
        self._connection.send(Taken())
        inputs: list[Any] = []
        start = 0
        for (shape, dtype), alike in groupby(array for _, arrays in placed.clips for array in arrays):
            count, size = len(list(alike)), math.prod(shape) * np.dtype(dtype).itemsize
            if size:
                inputs += held.arrays(start, start + count * size, dtype, shape)
            else:
                inputs += [np.empty(shape, dtype)] * count
            start += count * size
        all_inputs = iter(inputs)
        return [Clip(pts, tuple(islice(all_inputs, len(arrays)))) for pts, arrays in placed.clips]

    def _copied(self, seen: np.ndarray) -> np.ndarray:
        memory = self._memory(len(seen))
        memory[:] = seen
        return memory

    def _memory(self, size: int) -> np.ndarray:
        """Bytes that nobody else holds. They come back when the last array in them goes.

        New pages, which the system clears first, would take longer than what is written into them.
        """
        capacity = 1 << size.bit_length()
        free = self._free.setdefault(capacity, [])
        block = free.pop() if free else bytearray(capacity)
        memory = np.frombuffer(block, np.uint8, count=size)
        weakref.finalize(memory, free.append, block).atexit = False
        return memory


def _bytes(array: np.ndarray) -> memoryview:
    """The memory of a contiguous array."""
    return array.reshape(-1).view(np.uint8).data


def _write(file: int, data: memoryview, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(file, data[done:], offset + done)
