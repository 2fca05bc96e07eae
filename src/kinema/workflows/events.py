"""What a workflow tells while it works. The library never prints; the command line shows these."""

from collections.abc import Mapping
from typing import Any


class Events:
    """Receives progress. The methods do nothing here; override what you want to show."""

    def step(self, text: str) -> None:
        """A new step of the work begins."""

    def progress(self, done: int, total: int) -> None:
        """How far the present step is."""

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        """One epoch of training has ended; `row` is its line of the history."""

    def note(self, text: str) -> None:
        """Something worth knowing."""

    def warn(self, text: str) -> None:
        """Something that may spoil the result."""


SILENT = Events()
