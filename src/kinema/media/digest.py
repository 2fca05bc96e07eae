"""The content of a file as a name for it."""

import hashlib
from pathlib import Path

from ..errors import MediaError
from .container import check_regular, reason, shown


def content_digest(path: str | Path) -> str:
    """SHA-256 of the file's bytes as 64 hexadecimal digits, read in blocks.

    Raises:
        MediaError: the file cannot be read or is not a regular one.
    """
    try:
        check_regular(Path(path))
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(
            f"{shown(path)} cannot be read ({reason(error)}); check path and permissions"
        ) from error
