"""Where this machine keeps what belongs to buckets, and how much of it.

KINEMA_BUCKETS/objects/<k>/<digest of URL and version><ending>   copies of objects; the oldest go
KINEMA_BUCKETS/folders/<digest of URLs and versions>/<name>      copies of runs; the oldest go
KINEMA_BUCKETS/work/<digest of URL>/<name>                       what is being made and is not uploaded yet
"""

import hashlib
import os
from pathlib import Path, PurePath

from ..errors import UsageError
from ..urls import as_url

LIMIT_GB = 20.0


def root() -> Path:
    """The folder: `KINEMA_BUCKETS`, else in the user's cache folder."""
    if chosen := os.environ.get("KINEMA_BUCKETS"):
        return Path(os.path.abspath(chosen))
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "kinema", "buckets")


def most_bytes() -> int:
    """Bytes that copies may take: `KINEMA_BUCKETS_GB`, else 20 GB. Raises `UsageError` for no number."""
    text = os.environ.get("KINEMA_BUCKETS_GB", "")
    try:
        size = float(text or LIMIT_GB)
    except ValueError:
        size = -1.0
    if not 0 < size < float("inf"):
        raise UsageError(f"KINEMA_BUCKETS_GB={text} is no size; give gigabytes, such as 20")
    return int(size * 1e9)


def work_place(path: PurePath) -> Path:
    """Where what will lie at a path in a bucket is made; the same in every process of this machine."""
    return root() / "work" / hashlib.sha256(as_url(path).encode()).hexdigest()[:24] / path.name
