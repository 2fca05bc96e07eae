"""From a record to its frames."""

from __future__ import annotations

from ..errors import MediaError
from ..media.container import shown
from ..media.reader import VideoReader
from ..types import VideoRecord


def open_record(record: VideoRecord) -> VideoReader:
    """A reader on the part of the file that the record names. Raises `MediaError`."""
    return VideoReader(
        record.path, start_seconds=record.start_seconds, end_seconds=record.end_seconds, frames=record.frames
    )


def check_damage(reader: VideoReader) -> None:
    """Raise `MediaError` where the reader met damage so far."""
    if reader.damage:
        raise MediaError(f"{shown(reader.path)} is damaged: {reader.damage}; replace it")
