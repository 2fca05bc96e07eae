"""Files that appear whole or not at all: written beside their place, flushed, renamed into it."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def temporary_name(path: Path) -> Path:
    """A name beside `path` that says which process on which host is writing: `.<name>.<host>.<pid>.tmp`."""
    return path.with_name(f".{path.name}.{host_name()}.{os.getpid()}.tmp")


def host_name() -> str:
    """This machine's name, without dots."""
    return platform.node().replace(".", "-") or "localhost"


@contextmanager
def atomic_open(path: Path, mode: str = "w", **options: Any) -> Iterator[IO[Any]]:
    """Open a file that replaces `path` when the block ends, and vanishes if the block raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    if "b" not in mode:
        options.setdefault("encoding", "utf-8")
    try:
        with open(temporary, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Replace `path` by a UTF-8 text file with Unix line ends."""
    with atomic_open(path, newline="\n") as file:
        file.write(text)
