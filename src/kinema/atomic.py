"""Files that appear whole or not at all: written beside their place, flushed, renamed into it."""

import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def temporary_name(path: Path) -> Path:
    """A name beside `path` that says who is writing: `.<name>.<host>.<pid>.<token>.tmp`.

    The token cannot be guessed, so nobody can put a link there first; open it with mode "x" all the same.
    """
    return path.with_name(f".{path.name}.{host_name()}.{os.getpid()}.{token()}.tmp")


def token() -> str:
    """A part of a name that cannot be guessed: `x` and 16 hex digits."""
    return f"x{secrets.token_hex(8)}"


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
    opened = open(temporary, mode.replace("w", "x"), **options)  # noqa: SIM115
    try:
        with opened as file:
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
