"""The content of files, known at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path

from kinema.extraction.identify import Contents, Identified
from kinema.features.digests import Digests
from kinema.types import VideoRecord


def digest_files(paths: Iterable[Path]) -> tuple[dict[Path, str], dict[Path, str]]:
    """Content digest of every file, and the reason for every file that cannot be read."""
    contents = Contents()
    deque(Identified((VideoRecord(path) for path in paths), contents, Digests()), maxlen=0)
    return contents.digests, contents.unreadable
