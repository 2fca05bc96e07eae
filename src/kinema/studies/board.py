"""How a study stands at one moment, as plain values that a terminal or a page may show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Standing = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A row: how each of its cells stands, what is being done for it now, and its columns so far."""

    name: str
    cells: tuple[Standing, ...]
    now: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """All rows, and the seconds that are left; None where nothing tells yet.

    `unknown` counts extractions that have not begun, which the seconds leave out.
    """

    headings: tuple[str, ...]
    rows: tuple[BoardRow, ...]
    seconds_to_go: float | None
    unknown: int

    def count(self, standing: Standing) -> int:
        """How many cells stand like that."""
        return sum(cell == standing for row in self.rows for cell in row.cells)
