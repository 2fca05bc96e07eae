"""Copies of objects on this disk: fetched whole or not at all, once for all processes, and bounded.

A copy is of one version of an object and never changes: another version is another file. Those that were
asked for longest ago go first. A file that is open stays readable when it goes, and one that was asked for
within the last minute, which may be about to be opened, does not go.
"""

import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePath
from typing import NamedTuple

from filelock import FileLock

from ..atomic import abandoned, temporary_name
from ..errors import WorkError
from ..urls import as_url, in_bucket
from .listing import Mark, fresh_mark
from .place import most_bytes, root
from .system import system, told

GRACE_SECONDS = 60.0  # between the question for a file and its opening
FOLDER_GRACE_SECONDS = 24 * 3600.0  # a run may be at work for long
BELIEVED_SECONDS = 30.0
_FILLED = 0.9  # what is left of the limit when something had to go
_LOOK_EVERY = 0.05  # of the limit is fetched by a process before it looks again
_AGAIN = 3
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,16}")


class Copy(NamedTuple):
    """A copy of an object, and which version of it."""

    path: Path
    mark: Mark


_recent: dict[str, tuple[Copy, float]] = {}
_MOST_RECENT = 1024
_fetched_bytes: float = float("inf")  # since this process last looked; at first it does not know
_room = threading.Lock()


def local(path: str | os.PathLike[str]) -> Path:
    """Where the bytes of a file are: its own path, or a copy of the object, fetched if need be.

    Raises `FileNotFoundError`, `BucketError` where the bucket does not answer, `WorkError` on a full disk.
    """
    path = Path(path)
    if not in_bucket(path):
        return path
    known = _recent.get(os.fspath(path))
    if known is not None and time.monotonic() - known[1] < BELIEVED_SECONDS and touched(known[0].path):
        return known[0].path
    return fetched(path).path


def fetched(path: PurePath) -> Copy:
    """A copy of an object as it is now. Raises as `local` does, `OSError` where it changes all the while."""
    for _ in range(_AGAIN):
        mark = fresh_mark(path)
        if mark is None:
            raise FileNotFoundError(2, os.strerror(2), os.fspath(path))
        copy = Copy(_copy_place(path, mark), mark)
        if touched(copy.path) or _fetch(path, copy):
            if len(_recent) >= _MOST_RECENT:
                _recent.clear()
            _recent[os.fspath(path)] = copy, time.monotonic()
            return copy
    raise OSError("it changes while it is read; start again when it is written")


def _fetch(path: PurePath, copy: Copy) -> bool:
    """Fetch an object to its place; False where it is of another version by now, or came cut short."""
    number = copy.path.parent.name
    try:
        copy.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(root() / "objects" / f".{number}.lock"):
            if touched(copy.path):  # another process has been here
                return True
            _make_room(copy.mark.size)
            temporary = temporary_name(copy.path)
            try:
                with told(path):
                    system(path).get_file(as_url(path), os.fspath(temporary))
                whole = temporary.stat().st_size == copy.mark.size and fresh_mark(path) == copy.mark
                if whole:
                    os.replace(temporary, copy.path)
                return whole
            finally:
                temporary.unlink(missing_ok=True)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise WorkError(
            f"cannot write to {root()} ({error.strerror or error}); free some space, or name another"
            " folder with KINEMA_BUCKETS"
        ) from None


def adopt(file: Path, path: PurePath) -> None:
    """Keep a file that was just sent to an object as its copy, if it is that."""
    mark = fresh_mark(path)
    if mark is not None and mark.size == file.stat().st_size:
        copy = _copy_place(path, mark)
        copy.parent.mkdir(parents=True, exist_ok=True)
        _make_room(mark.size)
        os.replace(file, copy)


def _copy_place(path: PurePath, mark: Mark) -> Path:
    name = hashlib.sha256(as_url(path).encode() + mark.digest).hexdigest()[:40]
    ending = path.suffix if _ENDING.fullmatch(path.suffix) else ""  # decoders go by it, too
    return root() / "objects" / name[:2] / f"{name}{ending}"


def touched(path: Path) -> bool:
    """Mark a copy as used just now; False where there is none."""
    try:
        os.utime(path)
    except OSError:
        return False
    return True


def _make_room(size: int) -> None:
    """Let the oldest copies go where `size` more bytes would be too many."""
    global _fetched_bytes
    limit = most_bytes()
    with _room:
        _fetched_bytes += size
        if _fetched_bytes < _LOOK_EVERY * limit:
            return
        _fetched_bytes = 0
        copies = sorted(_copies())
        total = size + sum(bytes_ for _, bytes_, _ in copies)
        if total <= limit:
            return
        now = time.time()
        for used, bytes_, path in copies:
            if total <= _FILLED * limit:
                break
            grace = GRACE_SECONDS if path.is_file() else FOLDER_GRACE_SECONDS
            if now - used > grace:
                _remove(path)
                total -= bytes_


def _copies() -> Iterator[tuple[float, int, Path]]:
    """(last use, bytes, path) of every copy; what a process that is gone has left behind is removed."""
    for path in (root() / "objects").glob("*/*"):
        with suppress(OSError):
            if path.name.endswith(".tmp") and abandoned(path):
                path.unlink()
            else:
                facts = path.stat()
                yield facts.st_mtime, facts.st_size, path
    for folder in (root() / "folders").glob("*"):
        with suppress(OSError):
            size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
            yield folder.stat().st_mtime, size, folder


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
