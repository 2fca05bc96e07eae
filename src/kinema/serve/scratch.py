"""Where uploads lie while they are worked on: a private folder, in which nothing outlives its server.

    TMPDIR/kinema-serve-UID/TOKEN/UPLOAD
    TMPDIR/kinema-serve-UID/TOKEN.lock        held as long as the server lives

The system gives the lock of a process back however that ended, so the next server knows what to remove.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..atomic import token
from ..errors import WorkError

ENDING = ".lock"


class Scratch:
    """One server's folder. Names in it are drawn by lot; nothing of a client's name is in them."""

    def __init__(self, folder: Path):
        self.folder = folder

    @contextmanager
    def file(self, ending: str = "") -> Iterator[Path]:
        """A path for a new file, which is gone when the block ends."""
        path = self.folder / f"{token()}{ending}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def scratch_folder(base: Path | None = None) -> Iterator[Scratch]:
    """A folder below `base` (the system's for temporary files); what dead servers left there is removed.

    Raises `WorkError` where the folder cannot be made, or is not ours alone.
    """
    shared = (base or Path(tempfile.gettempdir())) / f"kinema-serve-{_user()}"
    name = token()
    lock = FileLock(shared / f"{name}{ENDING}")
    try:
        shared.mkdir(mode=0o700, exist_ok=True)
        _check_own(shared)
        remove_left(shared)
        lock.acquire()
        (shared / name).mkdir(mode=0o700)
    except OSError as error:
        reason = error.strerror or error
        raise WorkError(f"cannot use {shared} ({reason}); set TMPDIR to another folder") from None
    try:
        yield Scratch(shared / name)
    finally:
        _remove(shared / name, lock)


def remove_left(shared: Path) -> None:
    """Remove the folders of servers that are gone: those whose locks nobody holds."""
    for file in shared.glob(f"*{ENDING}"):
        lock = FileLock(file)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        _remove(file.with_suffix(""), lock)


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "user"


def _check_own(folder: Path) -> None:
    """Raise `WorkError` for a link, or a folder that others may write to: anybody may make one in /tmp."""
    if not hasattr(os, "getuid"):
        return
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise WorkError(
            f"{folder} is not a private folder of yours; remove it, or set TMPDIR to another folder"
        )
