"""The live table of a study on a terminal: a line a row, a dot a cell; plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..studies.board import Board, BoardRow, Standing
from ..workflows.events import duration
from . import signals
from .console import NORMAL, ConsoleEvents, escape

DOTS: dict[Standing, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "running": ("◐", "yellow"),
    "done": ("●", "green"),
    "failed": ("✗", "red"),
}
MOST_DOTS = 25  # cells of a row that are drawn one by one
FRAME = 6  # lines that are no row: headings, the last line, and what is printed above


class StudyConsole(ConsoleEvents):
    """Shows the board in place of steps and bars, once there is one and where there is a terminal."""

    _shown: Live | None = None

    def __exit__(self, *exception: object) -> None:
        if self._shown is not None:
            self._shown.stop()
        super().__exit__(*exception)

    def step(self, text: str) -> None:
        if self._shown is None:
            super().step(text)

    def progress(self, done: int, total: int) -> None:
        if self._shown is None:
            super().progress(done, total)

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        if self._shown is None:
            super().epoch(row, epochs)

    def board(self, board: Board) -> None:
        signals.check()
        if not self.live or self.volume < NORMAL:
            return
        drawn = drawing(board, self.console.height - FRAME)
        if self._shown is None:
            self._clear()
            self._shown = Live(drawn, console=self.console, auto_refresh=False, transient=True)
            self._shown.start()
        self._shown.update(drawn, refresh=True)


def drawing(board: Board, lines: int) -> Group:
    """The board with at most so many rows: those at work, and their neighbours."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    table.add_column("cells")
    for heading in board.headings:
        table.add_column(heading, justify="right")
    table.add_column("now", style="dim", overflow="ellipsis", no_wrap=True)
    first, last = window(board.rows, max(1, lines))
    for row in board.rows[first:last]:
        values = row.values or ("",) * len(board.headings)
        table.add_row(escape(row.name), dots(row), *values, escape(row.now))
    hidden = len(board.rows) - (last - first)
    more = [Text(f"and {hidden} rows above or below", style="dim")] if hidden else []
    return Group(table, *more, Text(summary(board), style="bold"))


def window(rows: tuple[BoardRow, ...], lines: int) -> tuple[int, int]:
    """First and last row to show: `lines` rows around the first one that is not over."""
    if len(rows) <= lines:
        return 0, len(rows)
    open_ = (n for n, row in enumerate(rows) if row.now or not set(row.cells) <= {"done", "failed"})
    centre = next(open_, len(rows))
    first = max(0, min(centre - 1, len(rows) - lines))
    return first, first + lines


def dots(row: BoardRow) -> Text:
    """A dot a cell; counts where they are many."""
    if len(row.cells) <= MOST_DOTS:
        return Text.assemble(*(DOTS[cell] for cell in row.cells))
    counts = {standing: row.cells.count(standing) for standing in DOTS}
    return Text(" ").join(Text(f"{DOTS[s][0]}{n}", style=DOTS[s][1]) for s, n in counts.items() if n)


def summary(board: Board) -> str:
    """`12 of 30 cells, 1 failed, about 4 min to go`."""
    done, failed = board.count("done"), board.count("failed")
    cells = sum(len(row.cells) for row in board.rows)
    said = [f"{done} of {cells} cells"]
    said += [f"{failed} failed"] if failed else []
    if board.seconds_to_go is not None and board.seconds_to_go >= 1:
        said.append(f"about {duration(board.seconds_to_go)} to go")
    said += ["features of further rows not counted"] if board.unknown else []
    return ", ".join(said)
