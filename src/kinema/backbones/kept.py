"""Compiled networks, kept between processes in `$XDG_CACHE_HOME/kinema/openvino`.

A file begins with the digest of what follows: one that is damaged is as good as none. The least used go where
all take more than `LIMIT` bytes.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from ..atomic import atomic_open

LIMIT = 4 * 2**30
_DIGEST = 32


def kept_folder() -> Path:
    """Where they lie."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "kinema", "openvino")


def read_kept(key: str) -> bytes | None:
    """What was kept under `key`; None where that is nothing, or damaged."""
    path = _path(key)
    try:
        data = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    whole = hashlib.sha256(data[_DIGEST:]).digest() == data[:_DIGEST]
    return data[_DIGEST:] if whole else None


def keep(key: str, data: bytes) -> None:
    """Keep `data`, as far as the disk allows: without it, it is only made again."""
    with suppress(OSError):
        kept_folder().mkdir(parents=True, exist_ok=True)
        with atomic_open(_path(key), "wb") as file:
            file.write(hashlib.sha256(data).digest())
            file.write(data)
        _drop_oldest(_path(key))


def _path(key: str) -> Path:
    return kept_folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.network"


def _drop_oldest(newest: Path) -> None:
    """Remove files, the one unused for longest first, until the rest fits."""
    files = {path: path.stat() for path in kept_folder().glob("*.network") if path != newest}
    size = newest.stat().st_size + sum(stat.st_size for stat in files.values())
    for path in sorted(files, key=lambda p: files[p].st_mtime):
        if size <= LIMIT:
            break
        path.unlink(missing_ok=True)
        size -= files[path].st_size
