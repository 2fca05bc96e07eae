"""Arrays of one shape kept on disk until the end of a video says which of them are wanted."""

import tempfile
from collections.abc import Iterator

import numpy as np


class Spool:
    """A list of arrays of one shape and dtype in a temporary file that nobody else sees."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._like: np.ndarray | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, array: np.ndarray) -> None:
        """Keep one more array."""
        if self._like is None:
            self._like = np.empty_like(array, shape=array.shape)
        elif (array.shape, array.dtype) != (self._like.shape, self._like.dtype):
            raise ValueError(f"a spool holds one shape, got {array.shape} after {self._like.shape}")
        self._file.seek(self._count * array.nbytes)
        self._file.write(np.ascontiguousarray(array).data)
        self._count += 1

    def __getitem__(self, index: int) -> np.ndarray:
        if self._like is None or not 0 <= index < self._count:
            raise IndexError(index)
        self._file.seek(index * self._like.nbytes)
        data = self._file.read(self._like.nbytes)
        return np.frombuffer(data, self._like.dtype).reshape(self._like.shape)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(self._count))
