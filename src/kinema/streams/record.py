"""From a record to its frames."""

from __future__ import annotations

from ..media.reader import VideoReader
from ..types import VideoRecord


def open_record(record: VideoRecord) -> VideoReader:
    """A reader on the part of the file that the record names. Raises `MediaError`."""
    return VideoReader(
        record.path, start_seconds=record.start_seconds, end_seconds=record.end_seconds, frames=record.frames
    )
