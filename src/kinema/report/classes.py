"""How each class fares: recall bars and the confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from . import markup
from .data import ReportData

_SHOW_NUMBERS = 12  # classes up to which cells are wide enough for a number
_SHOW_SMALL_NUMBERS = 26


def class_section(data: ReportData) -> str:
    """One bar per class, best recall first, with precision, F1 and support."""
    entries = sorted(data.metrics.get("per_class", ()), key=_by_recall)
    if not entries:
        return ""
    rows = "".join(_bar(entry) for entry in entries)
    many = " many" if len(entries) > 16 else ""
    return (
        '<section id="classes"><h2>Class by class</h2><p class="intro">The bar is recall: how many of a '
        "class's clips were recognised. The faint stretch is its 95\u202f% Wilson interval if clips are taken as "
        "independent; few clips, little certainty. The notch is precision: how often the name was right when it was "
        f'given.</p>{_sort_buttons("classes")}<ol class="bars{many}">{rows}</ol></section>'
    )


def _by_recall(entry: Mapping[str, Any]) -> tuple[float, str]:
    recall = markup.finite(entry.get("recall"))
    return (1.0 if recall is None else -recall, str(entry["label"]))


def wilson(hits: float, total: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927); (0, 1) where nothing was counted."""
    if total <= 0:
        return 0.0, 1.0
    share, square = hits / total, z * z / total
    middle = (share + square / 2) / (1 + square)
    reach = z * math.sqrt(share * (1 - share) / total + square / (4 * total)) / (1 + square)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _bar(entry: Mapping[str, Any]) -> str:
    recall, precision = markup.finite(entry.get("recall")), markup.finite(entry.get("precision"))
    support = int(entry.get("support") or 0)
    low, high = wilson((recall or 0.0) * support, support)
    band = f'<s style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></s>' if support else ""
    notch = f'<u style="left:{100 * precision:.1f}%"></u>' if precision is not None else ""
    fill = f'<i style="width:{100 * (recall or 0):.1f}%"></i>'
    words = (
        f"recall {markup.percent(recall)}, precision {markup.percent(precision)}, "
        f"F1 {markup.percent(entry.get('f1'))}, {markup.plural(support, 'clip')}"
    )
    return (
        f'<li data-recall="{recall or 0:.4f}" data-support="{support}" title="{words}">'
        f'<span class="label">{markup.name(entry["label"])}</span>'
        f'<span class="bar" aria-hidden="true">{band}{fill}{notch}</span>'
        f'<span class="num">{markup.percent(recall, 0)}</span>'
        f'<span class="support">of {markup.count(support)}</span><span class="sr">{words}</span></li>'
    )


def _sort_buttons(target: str) -> str:
    buttons = "".join(
        f'<button type="button" data-sort="{key}" aria-pressed="{"true" if pressed else "false"}">{word}</button>'
        for key, word, pressed in (("recall", "recall", True), ("name", "name", False), ("support", "clips", False))
    )
    return f'<div class="controls" data-for="{target}" role="group" aria-label="Sort by">Sort by {buttons}</div>'


def confusion_section(data: ReportData) -> str:
    """The confusion matrix (rows: truth, columns: answer) and the pairs most often mixed up."""
    matrix, labels = data.metrics.get("confusion"), data.labels
    if not matrix:
        return ""
    return (
        '<section id="confusion"><h2>What is taken for what</h2><p class="intro">A row is what a clip shows, a '
        "column what it was called: right answers lie on the diagonal.<span class=\"js\"> Choose a cell to see its "
        f'clips; arrow keys walk.</span></p>{_matrix_controls()}<p class="readout js" aria-live="polite">&nbsp;</p>'
        f'<div class="confusion"><div class="scroll">{_matrix(matrix, labels)}</div>'
        f"{_pairs(matrix, labels)}</div>{markup.json_script({'labels': labels}, 'confusion-data')}</section>"
    )


def _matrix_controls() -> str:
    sorts = "".join(
        f'<button type="button" data-order="{key}" aria-pressed="{pressed}">{word}</button>'
        for key, word, pressed in (("given", "as listed", "true"), ("name", "name", "false"), ("recall", "recall", "false"))
    )
    units = "".join(
        f'<button type="button" data-unit="{key}" aria-pressed="{pressed}">{word}</button>'
        for key, word, pressed in (("count", "clips", "true"), ("percent", "% of row", "false"))
    )
    return (
        f'<div class="controls js"><span role="group" aria-label="Order of classes">Order {sorts}</span>'
        f'<span role="group" aria-label="Unit of the cells">Show {units}</span></div>'
    )


def _matrix(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    head = "".join(f'<th scope="col"><span>{markup.name(label)}</span></th>' for label in labels)
    body = "".join(_matrix_row(row, index, labels[index]) for index, row in enumerate(matrix))
    count = len(labels)
    kind = "large" if count <= _SHOW_NUMBERS else "medium" if count <= _SHOW_SMALL_NUMBERS else "small"
    return (
        f'<table class="matrix {kind}" data-classes="{count}"><caption class="sr">Confusion matrix: rows are the '
        f"truth, columns the answer</caption><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _matrix_row(row: Sequence[int], index: int, label: str) -> str:
    total = sum(row)
    cells = "".join(_matrix_cell(int(value), total, index == column) for column, value in enumerate(row))
    return f'<tr><th scope="row">{markup.name(label)}</th>{cells}</tr>'


def _matrix_cell(value: int, total: int, diagonal: bool) -> str:
    """Empty cells stay bare: a matrix of 101 classes has ten thousand of them."""
    if not value:
        return "<td></td>"
    share = value / total
    shade = 0.12 + 0.88 * share**0.7  # a single miss among many is still to be seen
    strong = " strong" if shade > 0.6 else ""
    return f'<td class="{"right" if diagonal else "wrong"}{strong}" style="--v:{shade:.2f}">{value}</td>'


def _pairs(matrix: Sequence[Sequence[int]], labels: Sequence[str], limit: int = 8) -> str:
    """The largest off-diagonal cells as a list, readable without the matrix."""
    cells = [
        (int(value), row, column)
        for row, values in enumerate(matrix)
        for column, value in enumerate(values)
        if value and row != column
    ]
    if not cells:
        return '<div class="pairs"><h3>Mixed up most often</h3><p class="note">Nothing: every clip was recognised.</p></div>'
    cells.sort(key=lambda cell: (-cell[0], -cell[0] / sum(matrix[cell[1]]), cell[1:]))
    items = "".join(
        f'<li><button type="button" data-truth="{row}" data-said="{column}"><b>{value}</b> of '
        f"{markup.count(sum(matrix[row]))} {markup.name(labels[row])} <span>called</span> "
        f"{markup.name(labels[column])}</button></li>"
        for value, row, column in cells[:limit]
    )
    return f'<div class="pairs"><h3>Mixed up most often</h3><ol>{items}</ol></div>'
