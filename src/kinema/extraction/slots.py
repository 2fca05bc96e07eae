"""Clips from a worker to its parent: their arrays through a file in memory, the rest through the pipe.

The file has no name, so nothing remains of it when both processes are gone, however they ended. It is written
and read rather than mapped: a lack of memory is then an error, not a signal.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from ..types import Clip
from .messages import Placed, Taken

# Clips that may lie in the file: one is written while another is read.
SLOTS = 4


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
    """The worker's end: sends clips, waiting for a free slot, and receives what is asked of the worker."""

    def __init__(self, connection: Connection, file: int):
        self._connection, self._file = connection, file
        self._slot_bytes = self._sent = self._untaken = 0

    def send(self, message: Any) -> None:
        """Send one message, a clip through the file. Raises `OSError` where there is no memory for a clip."""
        self._connection.send(self._placed(message) if isinstance(message, Clip) else message)

    def receive(self) -> Any:
        """The next thing that the parent asks for."""
        while isinstance(message := self._connection.recv(), Taken):
            self._untaken -= 1
        return message

    def _placed(self, clip: Clip) -> Placed:
        arrays = [np.ascontiguousarray(array) for array in clip.inputs]
        size = sum(array.nbytes for array in arrays)
        if size > self._slot_bytes:  # slots move: none may be in use
            self._wait(0)
            self._slot_bytes = size
        self._wait(SLOTS - 1)
        start = offset = self._sent % SLOTS * self._slot_bytes
        for array in arrays:
            _write(self._file, _bytes(array), offset)
            offset += array.nbytes
        self._sent += 1
        self._untaken += 1
        return Placed(clip.pts_seconds, start, tuple((a.shape, a.dtype.str) for a in arrays))

    def _wait(self, untaken: int) -> None:
        while self._untaken > untaken:
            self._connection.recv()
            self._untaken -= 1


def taken(placed: Placed, connection: Connection, file: int) -> Clip:
    """The parent's end: the clip that was announced, in memory of its own; its slot is free again."""
    arrays, offset = [], placed.offset
    for shape, dtype in placed.arrays:
        array = np.empty(shape, dtype)
        _read(file, _bytes(array), offset)
        offset += array.nbytes
        arrays.append(array)
    connection.send(Taken())
    return Clip(placed.pts_seconds, tuple(arrays))


def _bytes(array: np.ndarray) -> memoryview:
    """The memory of a contiguous array."""
    return array.reshape(-1).view(np.uint8).data


def _write(file: int, data: memoryview, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(file, data[done:], offset + done)


def _read(file: int, data: memoryview, offset: int) -> None:
    done = 0
    while done < len(data):
        count = os.preadv(file, [data[done:]], offset + done)
        if not count:
            raise EOFError("a clip that was announced is not there")
        done += count
