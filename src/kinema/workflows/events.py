"""What a workflow tells while it works. The library never prints; the command line shows these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..studies.board import Board


class Events:
    """Receives progress. The methods do nothing here; override what you want to show."""

    def step(self, text: str) -> None:
        """A new step of the work begins."""

    def progress(self, done: int, total: int) -> None:
        """How far the present step is."""

    def beside(self, text: str) -> None:
        """What stands beside the progress from now on, until the next step."""

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        """One epoch of training has ended; `row` is its line of the history."""

    def board(self, board: Board) -> None:
        """How a study stands; at every change, and once a second."""

    def note(self, text: str) -> None:
        """Something worth knowing."""

    def detail(self, text: str) -> None:
        """Something that only who looks closely wants to know."""

    def warn(self, text: str) -> None:
        """Something that may spoil the result."""


SILENT = Events()


def duration(seconds: float) -> str:
    """A time to wait, as people say it.

    >>> duration(7.6), duration(840), duration(7560)
    ('8 s', '14 min', '2 h 6 min')
    """
    if seconds < 90:
        return f"{round(seconds)} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def megabytes(size: int) -> str:
    """A number of bytes, as people say it.

    >>> megabytes(14_000_000), megabytes(2_300_000_000), megabytes(70_000)
    ('14 MB', '2.3 GB', '0.1 MB')
    """
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e6:.1f} MB"
