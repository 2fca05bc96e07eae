"""Sections on the data, the training curves, the recipe and the cost of a run."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from . import markup
from .data import Cost, DatasetFacts, Lines, ReportData, Series, Table
from .figures import legend, line_chart, table

_LISTED = 40  # file names shown of a long list
_PART_COLOURS = 4  # of the parts of a stacked bar


def training_section(history: Sequence[Mapping[str, Any]]) -> str:
    """Loss and accuracy over the epochs, all numbers in a folded table; one step in its numbers alone."""
    if not history:
        return ""
    if len(history) == 1:
        told = {name: value for name, value in history[0].items() if name not in ("stage", "epoch")}
        values = [(name.replace("_", " "), _number(value)) for name, value in told.items()]
        intro = "One step, so there are no epochs to draw."
        return (
            f'<section id="training"><h2>Learning</h2><p class="intro">{intro}</p>'
            f"{table(Table('', ('', 'value'), values))}</section>"
        )
    steps, axis = _epochs(history)
    dividers = _stages(history, steps)
    charts = "".join(
        line_chart(
            Lines(title, axis, _curves(history, steps, key), percent=key == "accuracy", dividers=dividers)
        )
        for title, key in (("Loss", "loss"), ("Accuracy", "accuracy"))
    )
    return (
        f'<section id="training"><h2>Learning</h2><div class="charts">{charts}</div>'
        f"<details><summary>All {markup.plural(len(history), 'epoch')} as numbers</summary>"
        f"{table(_history_table(history))}</details></section>"
    )


def _epochs(history: Sequence[Mapping[str, Any]]) -> tuple[list[float], str]:
    """x values: the epochs themselves, or a running count where stages start over at one."""
    epochs = [float(row.get("epoch", index + 1)) for index, row in enumerate(history)]
    if all(later > earlier for earlier, later in pairwise(epochs)):
        return epochs, "epoch"
    return [float(index + 1) for index in range(len(epochs))], "epoch, all stages"


def _stages(history: Sequence[Mapping[str, Any]], steps: Sequence[float]) -> tuple[tuple[float, str], ...]:
    names = [str(row.get("stage") or "") for row in history]
    starts = [index for index in range(len(names)) if index == 0 or names[index] != names[index - 1]]
    return tuple((steps[index], names[index]) for index in starts) if len(starts) > 1 else ()


def _curves(history: Sequence[Mapping[str, Any]], steps: Sequence[float], key: str) -> tuple[Series, ...]:
    return tuple(
        Series(name, steps, [row.get(field) for row in history])
        for field, name in (
            (f"train_{key}", "training"),
            (f"val_{key}", "validation"),
            (f"test_{key}", "test, watched only"),
        )
        if any(row.get(field) is not None for row in history)
    )


def _history_table(history: Sequence[Mapping[str, Any]]) -> Table:
    columns = tuple(dict.fromkeys(column for row in history for column in row))
    rows = [[_number(row.get(column)) for column in columns] for row in history]
    return Table("", tuple(column.replace("_", " ") for column in columns), rows)


def _number(value: Any) -> Any:
    return value if isinstance(value, (str, int)) else "–" if markup.finite(value) is None else float(value)


def dataset_section(facts: DatasetFacts | None) -> str:
    """Where the videos come from, how they were split, and which are absent, unreadable or duplicated."""
    if facts is None:
        return ""
    videos = markup.count(sum(map(facts.count, facts.splits)))
    pairs = [
        ("folder", markup.name(facts.root)), ("layout", markup.escape(facts.layout)),
        (f"{facts.noun}s", f"{videos} in {markup.plural(len(facts.counts), 'class', 'classes')}"),
        ("split", markup.escape(facts.split_source)),
    ]  # fmt: skip
    listings = (
        _listing("listed file is absent", "listed files are absent", facts.absent)
        + _listing("file quarantined", "files quarantined", list(map(": ".join, facts.quarantined)))
        + _listing("duplicate", "duplicates", facts.duplicates)
        + _listing("leak between splits", "leaks between splits", facts.leaks)
    )
    return f'<section id="data"><h2>The videos</h2>{_definitions(pairs)}{_counts(facts)}{listings}</section>'


def _definitions(pairs: Sequence[tuple[str, str]]) -> str:
    """A list of (term, ready markup)."""
    rows = "".join(f"<div><dt>{term}</dt><dd>{value}</dd></div>" for term, value in pairs)
    return f'<dl class="facts">{rows}</dl>'


def _counts(facts: DatasetFacts) -> str:
    """Videos per class as one stacked bar each, a colour per split."""
    splits = facts.splits
    most = max((sum(row.values()) for row in facts.counts.values()), default=0)
    if not most:
        return ""
    keys = [(split, markup.count(facts.count(split))) for split in splits]
    rows = "".join(_count_row(label, row, splits, most) for label, row in facts.counts.items())
    bars = f'{legend(keys, "s", _PART_COLOURS)}<ol class="stacks">{rows}</ol>'
    title = f"{'Clip' if facts.noun == 'video' else facts.noun.capitalize()}s per class"
    if len(facts.counts) <= 24:
        return f"<h3>{title}</h3>{bars}"
    return f"<details><summary>{title}</summary>{bars}</details>"


def _count_row(label: str, row: Mapping[str, int], splits: Sequence[str], most: int) -> str:
    counts = [row.get(split, 0) for split in splits]
    parts, numbers = _stacked(counts, most), " + ".join(map(markup.count, counts))
    return (
        f'<li><span class="label">{markup.name(label)}</span>'
        f'<span class="bar" aria-hidden="true">{parts}</span><span class="num">{numbers}</span></li>'
    )


def _listing(one: str, many: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    shown = "".join(f"<li>{markup.name(item)}</li>" for item in items[:_LISTED])
    hidden = len(items) - _LISTED
    rest = f"<li>… and {markup.count(hidden)} more</li>" if hidden > 0 else ""
    title = markup.plural(len(items), one, many)
    return f'<details><summary>{title}</summary><ul class="files">{shown}{rest}</ul></details>'


def recipe_section(data: ReportData) -> str:
    """The resolved recipe as YAML, the paper it follows and notes on it."""
    if not (data.recipe_yaml or data.paper_title or data.notes):
        return ""
    paper = ""
    if data.paper_title:
        address = quote(markup.clean(data.paper_doi), safe="/")
        link = f' <a href="https://doi.org/{address}">doi:{markup.escape(data.paper_doi)}</a>'
        cited = f"<cite>{markup.escape(data.paper_title)}</cite>"
        paper = f"<p>After {cited}.{link if data.paper_doi else ''}</p>"
    notes = "".join(f"<li>{markup.escape(note)}</li>" for note in data.notes)
    notes = f'<ul class="notes">{notes}</ul>' if notes else ""
    code = f"<code>{markup.block(data.recipe_yaml)}</code>"
    yaml = f'<pre tabindex="0">{code}</pre>' if data.recipe_yaml else ""
    return f'<section id="recipe"><h2>The recipe</h2>{paper}{notes}{yaml}</section>'


def cost_section(cost: Cost | None) -> str:
    """Seconds per stage as one bar, then speed, memory, sizes, parameters and the weights' origin."""
    if cost is None:
        return ""
    content = _stage_bar(cost.stages) + _definitions(_cost_facts(cost))
    return f'<section id="cost"><h2>What it cost</h2>{content}</section>'


def cost_per_video(cost: Cost) -> list[tuple[str, str]]:
    """What extraction and training took a video, as plain text; nothing of what was not done."""
    pairs = []
    for stream, computed in cost.computed.items():
        reused = cost.reused.get(stream, 0)
        said = f"{markup.count(computed)} computed, {markup.count(reused)} reused"
        pairs.append((f"features of {stream}", said))
    for term, rate in (("extraction", cost.extraction_rate), ("training and testing", cost.training_rate)):
        if rate is not None:
            said = f"{markup.decimal(1 / rate)} s a video, {markup.decimal(rate)} videos a second"
            pairs.append((term, said))
    return pairs


def _stage_bar(stages: Mapping[str, float]) -> str:
    total = sum(stages.values())
    if total <= 0:
        return ""
    keys = [(stage, markup.duration(seconds)) for stage, seconds in stages.items()]
    bar = f'<div class="whole" aria-hidden="true">{_stacked(stages.values(), total)}</div>'
    return bar + legend(keys, "s", _PART_COLOURS)


def _stacked(amounts: Iterable[float], whole: float) -> str:
    """The parts of a stacked bar whose full width is `whole`, a colour each."""
    return "".join(
        f'<i class="s{index % _PART_COLOURS}" style="width:{100 * amount / whole:.2f}%"></i>'
        for index, amount in enumerate(amounts)
    )


def _cost_facts(cost: Cost) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    pairs += [(markup.name(term), markup.escape(said)) for term, said in cost_per_video(cost)]
    if cost.peak_memory is not None:
        pairs.append(("peak memory", markup.size(cost.peak_memory)))
    if cost.store_size is not None:
        pairs.append(("feature store", markup.size(cost.store_size)))
    if cost.device:
        threads = f", {markup.plural(cost.threads, 'thread')}" if cost.threads else ""
        pairs.append(("device", f"{markup.escape(cost.device)}{threads}"))
    if cost.features:
        pairs.append(("features", markup.escape(cost.features)))
    counts = (cost.trainable_parameters, "trainable"), (cost.frozen_parameters, "frozen")
    parameters = " + ".join(f"{markup.count(number)} {word}" for number, word in counts if number is not None)
    if parameters:
        pairs.append(("parameters", parameters))
    for weights in cost.weights:
        source = markup.name(weights.source)
        origin = f"<strong>{source}</strong>" if weights.random else source
        pairs.append(("weights", f"{markup.name(weights.backbone)}: {origin}"))
    return pairs
