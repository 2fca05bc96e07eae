"""The confusion matrix: a plain table; with JavaScript, keys move through it and a cell selects its clips."""

from collections.abc import Sequence

from . import markup
from .classes import toggle
from .data import ReportData

_SHOW_NUMBERS = 12  # classes up to which cells are wide enough for a number
_SHOW_SMALL_NUMBERS = 26
# Of more classes than a page can show, those that are mixed up most.
MOST_CLASSES, MOST_CONFUSED = 120, 40


def confusion_section(data: ReportData) -> str:
    """The confusion matrix (rows: truth, columns: answer) and the pairs most often mixed up."""
    matrix, labels = data.metrics.get("confusion"), data.labels
    if not matrix:
        return ""
    totals = [sum(row) for row in matrix]
    many = len(labels) > MOST_CLASSES
    shown = most_confused(matrix, MOST_CONFUSED) if many else range(len(labels))
    part = [[matrix[row][column] for column in shown] for row in shown]
    names = [labels[index] for index in shown]
    own = [totals[index] for index in shown]
    facts = {"labels": names, "classes": list(shown), "totals": own}
    intro = "A row is what a clip shows, a column what the model called it: right ones lie on the diagonal."
    return (
        f'<section id="confusion"><h2>Confusion matrix</h2><p class="intro">{intro}'
        f'{_left_out(labels) if many else ""}<span class="js"> Choose a cell '
        f"to see its clips; arrow keys move between cells.</span></p>{_controls()}"
        '<p class="readout js" aria-live="polite">&nbsp;</p>'
        f'<div class="confusion"><div class="scroll">{matrix_table(part, names, own)}</div>'
        f"{_pairs(matrix, labels, totals, 16 if many else 8)}</div>"
        f"{markup.json_script(facts, 'confusion-data')}</section>"
    )


def most_confused(matrix: Sequence[Sequence[int]], count: int) -> list[int]:
    """The classes with the most wrong answers, of their own clips or with their name, in their order."""
    columns = list(zip(*matrix, strict=True))
    wrong = [sum(row) + sum(columns[i]) - 2 * row[i] for i, row in enumerate(matrix)]
    return sorted(sorted(range(len(wrong)), key=lambda index: -wrong[index])[:count])


def _left_out(labels: Sequence[str]) -> str:
    return (
        f" Of {markup.count(len(labels))} classes, these are the {MOST_CONFUSED} with the most wrong answers;"
        " other answers to their clips are left out, but count in the shares."
    )


def _controls() -> str:
    orders = (("given", "as listed", True), ("name", "name", False), ("recall", "recall", False))
    units = (("count", "clips", True), ("percent", "% of row", False))
    return (
        '<div class="controls js"><span role="group" aria-label="Order of classes">Order '
        f"{''.join(toggle('order', *choice) for choice in orders)}</span>"
        '<span role="group" aria-label="Unit of the cells">Show '
        f"{''.join(toggle('unit', *choice) for choice in units)}</span></div>"
    )


def matrix_table(
    matrix: Sequence[Sequence[int]], labels: Sequence[str], totals: Sequence[int] | None = None
) -> str:
    """The matrix alone, truth in rows, shaded by the share of its row, or of `totals` a row."""
    totals = totals or [sum(row) for row in matrix]
    head = "".join(f'<th scope="col"><span>{markup.name(label)}</span></th>' for label in labels)
    body = "".join(_matrix_row(row, index, labels[index], totals[index]) for index, row in enumerate(matrix))
    count = len(labels)
    kind = "large" if count <= _SHOW_NUMBERS else "medium" if count <= _SHOW_SMALL_NUMBERS else "small"
    return (
        f'<table class="matrix {kind}" data-classes="{count}"><caption class="sr">Confusion matrix: rows are '
        f"the truth, columns the answer</caption><thead><tr><td></td>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _matrix_row(row: Sequence[int], index: int, label: str, total: int) -> str:
    cells = "".join(_matrix_cell(int(value), total, index == column) for column, value in enumerate(row))
    return f'<tr><th scope="row">{markup.name(label)}</th>{cells}</tr>'


def _matrix_cell(value: int, total: int, diagonal: bool) -> str:
    """Empty cells stay bare: a matrix of 101 classes has ten thousand of them."""
    if not value:
        return "<td></td>"
    share = value / total
    shade = 0.12 + 0.88 * share**0.7  # a single miss among many stays visible
    strong = " strong" if shade > 0.6 else ""
    return f'<td class="{"right" if diagonal else "wrong"}{strong}" style="--v:{shade:.2f}">{value}</td>'


def _pairs(matrix: Sequence[Sequence[int]], labels: Sequence[str], totals: Sequence[int], limit: int) -> str:
    """The largest off-diagonal cells as a list, readable without the matrix."""
    cells = [
        (int(value), row, column)
        for row, values in enumerate(matrix)
        for column, value in enumerate(values)
        if value and row != column
    ]
    if not cells:
        nothing = '<p class="note">Nothing: every clip was recognised.</p>'
        return f'<div class="pairs"><h3>Mixed up most often</h3>{nothing}</div>'
    cells.sort(key=lambda cell: (-cell[0], -cell[0] / totals[cell[1]], cell[1:]))
    items = "".join(
        f'<li><button type="button" data-truth="{row}" data-said="{column}"><b>{value}</b> of '
        f"{markup.count(totals[row])} {markup.name(labels[row])} <span>called</span> "
        f"{markup.name(labels[column])}</button></li>"
        for value, row, column in cells[:limit]
    )
    return f'<div class="pairs"><h3>Mixed up most often</h3><ol>{items}</ol></div>'
