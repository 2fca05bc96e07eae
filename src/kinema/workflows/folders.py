"""Folders that results are written to."""

import errno
from pathlib import Path

from ..atomic import temporary_name
from ..buckets import on_disk
from ..errors import UsageError, WorkError


def writable(folder: Path) -> Path:
    """The folder, made where it is missing. Raises `UsageError`, and `WorkError` on a full disk."""
    folder = on_disk(folder, "this verb writes to a folder of this machine; name one with --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = temporary_name(folder / "probe")  # another process may try the same folder
        probe.touch(exist_ok=False)
        probe.unlink(missing_ok=True)
    except OSError as error:
        message = f"cannot write to {folder} ({error.strerror}); choose another folder with --out"
        raise (WorkError if error.errno == errno.ENOSPC else UsageError)(message) from None
    return folder
