"""A file system in memory in place of a bucket, for what needs no server."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import fsspec
import pytest

_NUMBERS = count(1)


class Memory:
    """A folder of fsspec's memory, by URL."""

    def __init__(self) -> None:
        self.system = fsspec.filesystem("memory")
        self.url = f"memory://test-{next(_NUMBERS)}"

    def put(self, name: str, data: bytes) -> str:
        """Write an object; its URL."""
        self.system.pipe_file(f"{self.url}/{name}", data)
        return f"{self.url}/{name}"

    def get(self, name: str) -> bytes:
        return self.system.cat_file(f"{self.url}/{name}")

    def names(self) -> list[str]:
        root = self.url.removeprefix("memory:/")
        return sorted(name.removeprefix(root + "/") for name in self.system.find(self.url))


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Memory]:
    monkeypatch.setenv("KINEMA_BUCKETS", str(tmp_path / "buckets"))
    found = Memory()
    yield found
    if found.system.exists(found.url):
        found.system.rm(found.url, recursive=True)
