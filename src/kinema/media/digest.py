"""The content of a file as a name for it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import MediaError
from .container import reason, shown


def content_digest(path: str | Path) -> str:
    """SHA-256 of the file's bytes as 64 hexadecimal digits, read in blocks.

    Raises:
        MediaError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(
            f"{shown(path)} cannot be read ({reason(error)}); check path and permissions"
        ) from error
