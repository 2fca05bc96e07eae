"""An object read in parts: what is asked for is fetched, and nothing beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..urls import as_url
from .system import system, told


class Parts:
    """An open object, for who reads little of it here and there. Its errors are those of `system.told`."""

    closed = False

    def __init__(self, path: Path, file: Any):
        self._path, self._file = path, file

    def read(self, size: int = -1) -> bytes:
        """The next bytes; a request each."""
        with told(self._path):
            found: bytes = self._file.read(size)
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()


@contextmanager
def opened(path: Path) -> Iterator[Parts]:
    """Open an object to read parts of it. Raises `FileNotFoundError` and `BucketError`."""
    with told(path):
        file = system(path).open(as_url(path), "rb", cache_type="none")
    try:
        yield Parts(path, file)
    finally:
        file.close()
