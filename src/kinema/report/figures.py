"""Typed figures -> HTML. Charts are SVG stretched to the page's width, with their text as HTML around it,
so that letters are not stretched. Without JavaScript only the values under the cursor are missing.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from . import markup
from .clips import clip_cards
from .data import Figure, Lines, Series, Table, Timelines
from .timeline import timelines_figure

_COLOURS = 6


def figure(item: Figure) -> str:
    """The HTML of one figure of any kind."""
    if isinstance(item, Lines):
        return line_chart(item)
    if isinstance(item, Table):
        return table(item)
    if isinstance(item, Timelines):
        return timelines_figure(item)
    title = f"<h3>{markup.escape(item.title)}</h3>" if item.title else ""
    return f"{title}{_note(item.note)}{clip_cards(item.samples)}"


def _note(text: str) -> str:
    return f'<p class="note">{markup.escape(text)}</p>' if text else ""


def table(item: Table, limit: int = 500) -> str:
    """A table; rows beyond `limit` are counted, not shown."""
    head = "".join(f'<th scope="col">{markup.escape(column)}</th>' for column in item.columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in item.rows[:limit])
    hidden = len(item.rows) - limit
    more = f'<p class="note">… and {markup.count(hidden)} more.</p>' if hidden > 0 else ""
    title = f"<caption>{markup.escape(item.title)}</caption>" if item.title else ""
    return (
        f'<div class="scroll"><table class="plain">{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{more}{_note(item.note)}"
    )


def _cell(value: Any) -> str:
    if isinstance(value, str) or value is None:
        return f"<td>{markup.name(value or '')}</td>"
    text = markup.count(value) if isinstance(value, int) else markup.decimal(value)
    return f'<td class="num">{text}</td>'


def nice_ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that cover [low, high]."""
    if not high > low:
        high, low = low + (abs(low) or 1.0), low - (abs(low) or 1.0)
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def line_chart(item: Lines) -> str:
    """An SVG line chart with gridlines, a legend with each curve's last value, and a hover readout."""
    series = [one for one in item.series if any(markup.finite(y) is not None for y in one.y)]
    if not series:
        return ""
    xs = [float(x) for one in series for x in one.x]
    ys = [y for one in series for y in map(markup.finite, one.y) if y is not None]
    y_ticks = [0.0, 0.25, 0.5, 0.75, 1.0] if item.percent else nice_ticks(min(0.0, *ys), max(ys))
    x_low, x_high = (0.0, 1.0) if item.diagonal else (min(xs), max(xs))
    if x_high == x_low:
        x_low, x_high = x_low - 0.5, x_high + 0.5
    frame = _Frame(x_low, x_high, y_ticks[0], y_ticks[-1])
    show = (lambda value: markup.percent(value, 0)) if item.percent else markup.decimal
    paths = "".join(_path(one, frame, index) for index, one in enumerate(series))
    diagonal = f'<path class="diagonal" d="M{frame.at(0, 0)}L{frame.at(1, 1)}"/>' if item.diagonal else ""
    grid = "".join(f'<path class="grid" d="M0 {frame.y(tick):.1f}H1000"/>' for tick in y_ticks)
    dividers = "".join(f'<path class="divider" d="M{frame.x(x):.1f} 0V1000"/>' for x, _ in item.dividers)
    # Where the diagonal is what counts, the last value says nothing: a ROC always ends at 100 %.
    ends = [(one.name, "" if item.diagonal else show(_last(one))) for one in series]
    said = ", ".join(f"{name} ends at {value}" if value else name for name, value in ends)
    spoken = f"{item.title} over {item.x_label}: {said}. Arrow keys read the values."
    data = {
        "x": [x_low, x_high], "y": [y_ticks[0], y_ticks[-1]], "percent": item.percent, "xLabel": item.x_label,
        "series": [{"name": one.name, "x": list(one.x), "y": list(one.y)} for one in series],
    }  # fmt: skip
    return (
        f'<figure class="chart"><figcaption>{markup.escape(item.title)}</figcaption>{legend(ends)}'
        f'<div class="plot" tabindex="0" role="img" aria-label="{markup.escape(spoken)}">'
        f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{grid}'
        f"{dividers}{diagonal}{paths}</svg>{_labels(item, frame, y_ticks, show)}</div>"
        f'<p class="x-label">{markup.escape(item.x_label)}</p>{_note(item.note)}'
        f"{markup.json_script(data, 'chart-data')}</figure>"
    )


class _Frame(NamedTuple):
    """Data coordinates -> the 1000 x 1000 drawing, y upwards."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        return 1000 * (value - self.x_low) / (self.x_high - self.x_low)

    def y(self, value: float) -> float:
        return 1000 - 1000 * (value - self.y_low) / (self.y_high - self.y_low)

    def at(self, x: float, y: float) -> str:
        return f"{self.x(x):.1f} {self.y(y):.1f}"


def _path(series: Series, frame: _Frame, index: int) -> str:
    """One curve, interrupted at every gap. A single point is a short dash, or it would be invisible."""
    parts: list[list[str]] = [[]]
    for x, y in zip(series.x, map(markup.finite, series.y), strict=True):
        if y is None:
            parts.append([])
        else:
            parts[-1].append(frame.at(float(x), y))
    d = "".join("M" + "L".join(part) + ("m-6 0h12" if len(part) == 1 else "") for part in parts if part)
    return f'<path class="line c{index % _COLOURS}" d="{d}"/>'


def _labels(item: Lines, frame: _Frame, y_ticks: Sequence[float], show: Any) -> str:
    ys = "".join(
        f'<span class="y" style="top:{frame.y(tick) / 10:.2f}%">{show(tick)}</span>' for tick in y_ticks
    )
    whole = all(float(x).is_integer() for one in item.series for x in one.x)  # there is no epoch 1.5
    inside = [
        tick
        for tick in nice_ticks(frame.x_low, frame.x_high, 5)
        if frame.x_low <= tick <= frame.x_high and (not whole or float(f"{tick:g}").is_integer())
    ]
    xs = "".join(f'<span class="x" style="left:{frame.x(tick) / 10:.2f}%">{tick:g}</span>' for tick in inside)
    marks = "".join(
        f'<span class="mark" style="left:{frame.x(x) / 10:.2f}%">{markup.escape(label)}</span>'
        for x, label in item.dividers
    )
    return ys + xs + marks


def _last(series: Series) -> float | None:
    return next((y for y in map(markup.finite, reversed(series.y)) if y is not None), None)


def legend(entries: Iterable[tuple[str, str]], kind: str = "c", colours: int = _COLOURS) -> str:
    """(name, ready markup of its value) beside its colour: the CSS class `kind` with a number from 0."""
    keys = "".join(
        f'<li class="{kind}{index % colours}"><span class="key"></span>'
        f"{markup.name(name)}{value and f' <b>{value}</b>'}</li>"
        for index, (name, value) in enumerate(entries)
    )
    return f'<ul class="legend">{keys}</ul>'
