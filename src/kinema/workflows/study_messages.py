"""What a study and its processes say to each other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .context import Context
from .events import Events
from .study import StudyPlan

SECONDS = 0.1  # between two messages of progress


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a process is told first: the study, and how many may be at work at the same time."""

    folder: Path
    plan: StudyPlan
    context: Context
    jobs: int


@dataclass(frozen=True, slots=True)
class Said:
    """A call of one of the parent's events, or a download."""

    method: str
    given: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The task is over; `reason` says why features could not be had."""

    reason: str | None = None


class PipeEvents(Events):
    """Events that are told in another process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told = 0.0

    def step(self, text: str) -> None:
        self._say("step", text)

    def progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - self._told > SECONDS:
            self._told = now
            self._say("progress", done, total)

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        self._say("epoch", dict(row), epochs)

    def note(self, text: str) -> None:
        self._say("note", text)

    def detail(self, text: str) -> None:
        self._say("detail", text)

    def warn(self, text: str) -> None:
        self._say("warn", text)

    def download(self, name: str, done: int, total: int) -> None:
        """A file of weights is being fetched."""
        self._say("download", name, done, total)

    def _say(self, method: str, *given: Any) -> None:
        self._connection.send(Said(method, given))
