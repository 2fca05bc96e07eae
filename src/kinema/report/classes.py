"""Recall, precision and F1 of each class, as bars."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from . import markup
from .data import ReportData

# Of more classes the worst are shown, and all in a fold.
MANY_CLASSES, WORST = 120, 20


def class_section(data: ReportData) -> str:
    """One bar per class, best recall first, with precision, F1 and support."""
    entries = sorted(data.metrics.get("per_class", ()), key=_by_recall)
    if not entries:
        return ""
    return (
        '<section id="classes"><h2>Class by class</h2><p class="intro">The bar is recall: how many of a '
        "class's clips were recognised. The faint band is its 95\u202f% Wilson interval, with clips "
        "taken as independent: it is wide where there are few. The notch is precision: how often the model "
        f"was right when it gave this name.</p>{_folded(entries)}</section>"
    )


def _folded(entries: Sequence[Mapping[str, Any]]) -> str:
    """The bars of all classes with their buttons; of many, those of the worst before them."""
    everything = _sort_buttons() + _bars(entries)
    if len(entries) <= MANY_CLASSES:
        return everything
    worst = [entry for entry in reversed(entries) if entry.get("support")][:WORST]
    return (
        f"<h3>The {len(worst)} worst of {markup.count(len(entries))} classes</h3>{_bars(worst)}"
        f"<details><summary>All classes</summary>{everything}</details>"
    )


def _bars(entries: Sequence[Mapping[str, Any]]) -> str:
    many = " many" if len(entries) > 16 else ""
    return f'<ol class="bars{many}">{"".join(map(_bar, entries))}</ol>'


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
    support = int(entry.get("support") or 0)
    recall = markup.finite(entry.get("recall")) if support else None
    precision = markup.finite(entry.get("precision")) if support else None
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
        f'<span class="support">{f"of {markup.count(support)}" if support else "not tested"}</span>'
        f'<span class="sr">{words}</span></li>'
    )


def _sort_buttons() -> str:
    choices = (("recall", "recall", True), ("name", "name", False), ("support", "clips", False))
    buttons = "".join(toggle("sort", *choice) for choice in choices)
    return (
        f'<div class="controls" data-for="classes" role="group" aria-label="Sort by">Sort by {buttons}</div>'
    )


def toggle(kind: str, value: str, word: str, pressed: bool) -> str:
    """One of a group of buttons of which one is pressed; the script finds it by `data-{kind}`."""
    state = "true" if pressed else "false"
    return f'<button type="button" data-{kind}="{value}" aria-pressed="{state}">{word}</button>'
