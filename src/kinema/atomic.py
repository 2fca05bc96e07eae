"""Files that appear whole or not at all: written beside their place, flushed, renamed into it."""

import os
import platform
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_STALE_SECONDS = 24 * 3600.0
_TEMPORARY = re.compile(r"\..+\.([^.]+)\.(\d+)(?:\.x[0-9a-f]{16})?\.tmp", re.DOTALL)


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


def abandoned(path: Path) -> bool:
    """Whether a file has the name of a temporary one, and its writer is a dead process or a day gone."""
    named = _TEMPORARY.fullmatch(path.name)
    if named is None:
        return False
    written = path.stat().st_mtime
    if time.time() - written > _STALE_SECONDS:
        return True
    if named[1] != host_name():
        return False
    import psutil

    try:
        # A process that started after the last write has only inherited the number.
        return psutil.Process(int(named[2])).create_time() > written + 2
    except psutil.NoSuchProcess:
        return True


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
