"""A file at its own speed, as if it were a camera."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import MediaError, UsageError
from ..media.audio import AudioReader
from ..media.clock import USUAL_FPS
from ..media.container import shown
from ..media.reader import VideoReader
from .items import Item, Shot, Sound

_BLOCK_SECONDS = 0.1


class PlayedFile:
    """The frames of a file when they are due, its sound beside them; with `loop` it begins again at its end.

    Times go on from one round to the next, and so does what is remembered: a loop is one long stream.
    """

    def __init__(self, path: Path, *, loop: bool = False):
        self.path, self.loop = path, loop
        self.name = shown(path)

    def check(self) -> None:
        if not self.path.exists():
            raise UsageError(f"no file {self.name}; give a file, a camera's number or a URL (rtsp://...)")
        if not self.path.is_file():
            raise UsageError(f"{self.name} is not a regular file; give a video file")
        VideoReader(self.path).close()

    def items(self, stopped: threading.Event, sample_rate: int | None) -> Iterator[Item]:
        began, offset = time.monotonic(), 0.0
        while not stopped.is_set():
            end = offset
            for item in self._round(offset, sample_rate):
                # A block of sound is heard when the last of it is.
                due = item.seconds + (_BLOCK_SECONDS if isinstance(item, Sound) else 0.0)
                if stopped.wait(max(0.0, began + due - time.monotonic())):
                    return
                end = max(end, item.seconds)
                yield replace(item, arrived=began + due)
            offset = end + self._interval
            if not self.loop:
                return

    def _round(self, offset: float, sample_rate: int | None) -> Iterator[Shot | Sound]:
        """Everything in the file by time; sound when the last of its samples is due."""
        with VideoReader(self.path) as reader:
            self._interval = 1 / (reader.info.average_fps or USUAL_FPS)
            blocks = self._sound(offset, sample_rate) if sample_rate and reader.info.has_audio else iter(())
            block = next(blocks, None)
            for seconds, make in reader.pictures():
                while block is not None and block.seconds + _BLOCK_SECONDS <= offset + seconds:
                    yield block
                    block = next(blocks, None)
                yield Shot(offset + seconds, 0.0, make)
            if reader.damage:
                raise MediaError(f"{self.name} is damaged: {reader.damage}; replace it")
            while block is not None:
                yield block
                block = next(blocks, None)

    def _sound(self, offset: float, sample_rate: int) -> Iterator[Sound]:
        with AudioReader(self.path, sample_rate=sample_rate) as reader:
            position = 0
            for samples in reader.blocks(_BLOCK_SECONDS):
                yield Sound(offset + position / sample_rate, 0.0, np.asarray(samples))
                position += len(samples)
