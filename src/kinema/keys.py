"""Names for what was computed: a digest of every setting, and a key of every video's content."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .types import VideoRecord

FORMAT_VERSION = 1


def fingerprint(settings: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of plain settings in canonical JSON, with the store's format version."""
    text = json.dumps({"format": FORMAT_VERSION, **settings}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def video_key(content_digest: str, record: VideoRecord, variant: int = 0) -> str:
    """Key of one video's features (32 hex digits): its content, the part of it, the augmented version.

    Two files of one name never share a key; a renamed or copied file keeps its key.
    """
    text = f"{content_digest}|{record.part}|{variant}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes. Raises `OSError`."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
