"""Timelines as a report shows them: figures, and test videos as strips of truth and answer on one axis."""

from collections.abc import Mapping, Sequence
from typing import Any

from . import markup
from .data import Section, Span, Strips, Table, Timelines

_COLOURS = 6
_ROWS = {
    "f1_50": "segmental F1 at 50 % overlap", "f1_25": "segmental F1 at 25 %", "f1_10": "segmental F1 at 10 %",
    "edit": "edit score", "accuracy": "frame accuracy", "map_frame": "mean average precision of frames",
    "map_tiou": "mAP at temporal overlaps 0.3 to 0.7",
}  # fmt: skip


def timeline_headline(metrics: Mapping[str, Any]) -> str:
    """The segmental F1 in large, on how much it was measured, and how many actions were missed or made up."""
    interval = (metrics.get("ci95_of") or {}).get("f1_50")
    text = (
        "segmental F1 at 50\u202f% overlap,"
        f" over <b>{markup.plural(int(metrics['n_test']), 'held-out video')}</b>"
        f" of {markup.duration(3600 * metrics['hours'])}"
    )
    if interval:
        text += f", 95\u202f% interval {markup.percent(interval[0])} to {markup.percent(interval[1])}"
    delay = metrics.get("delay_seconds")
    tiles = [
        ("frame accuracy", markup.percent(metrics["accuracy"])),
        ("always background", markup.percent(metrics["majority_baseline"])),
        ("true segments missed", markup.percent(metrics["missed"])),
        ("false alarms an hour", markup.decimal(metrics["false_alarms_per_hour"])),
        *([("mean delay of a report", markup.duration(delay["mean"]))] if delay else []),
    ]
    shown = "".join(f"<div><dd>{value}</dd><dt>{label}</dt></div>" for label, value in tiles)
    return (
        f'<section id="result"><div class="headline"><p class="big">{markup.percent(metrics["f1_50"])}</p>'
        f'<p class="lead">{text}.</p></div><dl class="tiles">{shown}</dl></section>'
    )


def figures_section(metrics: Mapping[str, Any]) -> Section:
    """Every figure with its interval, beside the baselines'."""
    baselines = metrics.get("baselines", {})
    rows = []
    for key, name in _ROWS.items():
        ends = (metrics.get("ci95_of") or {}).get(key)
        interval = f"{_percent(ends[0])} to {_percent(ends[1])}" if ends else ""
        own = _percent(metrics.get(key))
        rows.append((name, own, interval, *(_percent(one.get(key)) for one in baselines.values())))
    for key, name in (("missed", "true segments missed"), ("false_alarms_per_hour", "false alarms an hour")):
        show = _percent if key == "missed" else markup.decimal
        rows.append((name, show(metrics[key]), "", *(show(one[key]) for one in baselines.values())))
    delays = [_delay(one) for one in (metrics, *baselines.values())]
    if any(delays):
        rows.append(("mean delay from a start to its report", delays[0], "", *delays[1:]))
    columns = ("", "this run", "95 % interval over files", *baselines)
    intro = "The windows are those of a clip classifier of today, trained on the same segments and features."
    return Section("Figures", intro, (Table("", columns, rows), _classes(metrics)))


def _percent(value: Any) -> str:
    return markup.percent(value)


def _delay(metrics: Mapping[str, Any]) -> str:
    delay = metrics.get("delay_seconds")
    return markup.duration(delay["mean"]) if delay else ""


def _classes(metrics: Mapping[str, Any]) -> Table:
    rows = [
        (
            one["label"],
            one["support"],
            one["found"],
            *(_percent(one[k]) for k in ("precision", "recall", "f1")),
        )
        for one in metrics["per_class"]
    ]
    return Table(
        "Class by class, at 50 % overlap", ("class", "true", "found", "precision", "recall", "F1"), rows
    )


def strips_section(timelines: Timelines, misses: Strips) -> Section:
    """All test videos as strips, and film strips of the worst misses, to which the strips lead."""
    intro = "Above what is true, below the answer. An outlined stretch leads to its film strip."
    figures = (timelines, misses) if misses.samples else (timelines,)
    return Section("Test videos", intro, figures)


def timelines_figure(item: Timelines) -> str:
    """HTML of strips; every track is as high as it needs for what overlaps."""
    colour = {label: index % _COLOURS for index, label in enumerate(item.labels)}
    keys = "".join(
        f'<li class="c{colour[label]}"><span class="key"></span>{markup.name(label)}</li>'
        for label in item.labels
    )
    rows = []
    for one in item.videos:
        tracks = "".join(
            f'<div class="track-name">{markup.escape(name)}</div>{_track(spans, one.seconds, colour)}'
            for name, spans in one.tracks
        )
        length = markup.duration(one.seconds)
        rows.append(
            f'<div class="timeline"><p class="file">{markup.name(one.video)} · {length}</p>'
            f'<div class="tracks">{tracks}</div></div>'
        )
    return f'<figure class="timelines"><ul class="legend">{keys}</ul>{"".join(rows)}</figure>'


def _track(spans: Sequence[Span], seconds: float, colour: Mapping[str, int]) -> str:
    levels = _levels(spans)
    high = max(levels, default=0) + 1
    blocks = "".join(
        _block(span, seconds, colour[span.label], level, high)
        for span, level in zip(spans, levels, strict=True)
    )
    return f'<div class="stretch" style="height:{14 * high}px">{blocks}</div>'


def _levels(spans: Sequence[Span]) -> list[int]:
    """For spans in order of their starts, the lowest level on which each meets no other."""
    ends: list[float] = []
    levels = []
    for span in spans:
        level = next((i for i, end in enumerate(ends) if end <= span.start), len(ends))
        ends[level : level + 1] = [span.end]
        levels.append(level)
    return levels


def _block(span: Span, seconds: float, colour: int, level: int, high: int) -> str:
    left, width = 100 * span.start / seconds, 100 * (span.end - span.start) / seconds
    place = f"left:{left:.3f}%;width:{width:.3f}%;top:{100 * level / high:.2f}%;height:{100 / high:.2f}%"
    words = f"{span.label}, {span.start:.1f} to {span.end:.1f} s{f', {span.note}' if span.note else ''}"
    kind = (
        f'class="c{colour}{" marked" if span.anchor else ""}" style="{place}" title="{markup.escape(words)}"'
    )
    if span.anchor:
        return f'<a href="#{markup.escape(span.anchor)}" {kind}></a>'
    return f"<i {kind}></i>"
