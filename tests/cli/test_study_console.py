"""The live table of a study: on a terminal, and nowhere else."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from kinema.cli.console import NORMAL, QUIET
from kinema.cli.study_console import StudyConsole, drawing, summary, window
from kinema.studies.board import Board, BoardRow, Standing

ROWS = (
    BoardRow("40 units", ("done", "failed"), "", ("93.20", "0.10")),
    BoardRow("80 [units]", ("done", "running"), "fold 2: epoch 3 of 50", ("94.00 ± 0.5", "0.12")),
    BoardRow("120 units", ("waiting", "waiting"), "", ("–", "–")),
)
BOARD = Board(("accuracy (%)", "training (min)"), ROWS, 150.0, 0)


def printed(board: Board, lines: int = 20) -> str:
    file = io.StringIO()
    Console(file=file, width=100).print(drawing(board, lines))
    return file.getvalue()


def test_a_line_a_row_a_dot_a_cell_and_what_is_left() -> None:
    lines = [line.split() for line in printed(BOARD).splitlines()]
    assert lines[1] == ["40", "units", "●✗", "93.20", "0.10"]
    assert lines[2][:3] == ["80", "[units]", "●◐"]
    assert lines[2][-6:] == ["fold", "2:", "epoch", "3", "of", "50"]
    assert lines[3][:3] == ["120", "units", "··"]
    assert " ".join(lines[-1]) == "2 of 6 cells, 1 failed, about 2 min to go"


def test_many_cells_are_counted() -> None:
    cells: tuple[Standing, ...] = ("done",) * 40 + ("failed",) * 2 + ("waiting",) * 58
    assert "·58 ●40 ✗2" in printed(Board((), (BoardRow("a", cells, "", ()),), None, 0))


@pytest.mark.parametrize(
    ("at_work", "first"), [(0, 0), (1, 0), (7, 6), (18, 15), (20, 15)], ids=lambda number: str(number)
)
def test_a_small_terminal_shows_the_rows_at_work(at_work: int, first: int) -> None:
    rows = tuple(BoardRow(str(n), ("done" if n < at_work else "waiting",), "", ()) for n in range(20))
    assert window(rows, 5) == (first, first + 5)
    assert "and 15 rows above or below" in printed(Board((), rows, None, 0), 5)


def test_what_is_not_known_is_said() -> None:
    said = summary(Board((), ROWS, None, 2))
    assert said == "2 of 6 cells, 1 failed, features of further rows not counted"


@pytest.mark.parametrize(
    ("terminal", "volume"), [(True, NORMAL), (False, NORMAL), (True, QUIET)], ids=["terminal", "log", "-q"]
)
def test_it_is_drawn_on_a_terminal_in_place_of_steps(terminal: bool, volume: int) -> None:
    file, drawn = io.StringIO(), terminal and volume == NORMAL
    console = Console(file=file, width=100, force_terminal=terminal, _environ={"TERM": "xterm"})
    with StudyConsole(volume, console=console) as events:
        events.board(BOARD)
        events.step("cell 2 of 6: 80 units")
        events.note("40 units: 93.2%")
    assert ("120 units" in file.getvalue()) == drawn
    assert ("cell 2 of 6" in file.getvalue()) == (not drawn and volume == NORMAL)
    assert ("93.2%" in file.getvalue()) == (volume == NORMAL)
