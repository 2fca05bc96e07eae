"""study.html: the tables, what they may be believed for, the figures, and every cell's run one click away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from ..report import markup
from ..report.clips import clip_cards
from ..report.confusion import matrix_table
from ..report.data import Lines, Sample
from ..report.figures import line_chart
from ..report.page import page
from .advice import Advice
from .compare import Comparison
from .results import CellResult
from .sheet import Entry, Line, Sheet
from .text import claims


@dataclass(frozen=True, slots=True)
class Matrix:
    """A confusion matrix int [C, C] of one row, truth in rows."""

    name: str
    labels: Sequence[str]
    counts: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class StudyPage:
    """All that the page shows, as plain values. `differs` says what is not as in the paper."""

    title: str
    summary: str
    version: str
    created: str
    data: str
    sheets: Sequence[Sheet]
    cells: Sequence[CellResult]
    comparisons: Sequence[Comparison] = ()
    advice: Advice | None = None
    charts: Sequence[Lines] = ()
    matrices: Sequence[Matrix] = ()
    clips: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    differs: Sequence[str] = ()
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()


def render(study: StudyPage) -> str:
    """The page as HTML text. Every name in it is escaped."""
    sections = [
        ("table", "Table", _tables(study)),
        ("differences", "Differences", _differences(study.comparisons)),
        ("figures", "Figures", _charts(study.charts)),
        ("confusion-matrices", "Confusion", _matrices(study.matrices)),
        ("clips", "Clips", _clips(study.clips)),
        ("cells", "Cells", _cells(study.cells)),
        ("paper", "What differs", _listed("What differs from the paper", study.differs)),
        ("notes", "Notes", _listed("Notes", study.notes)),
    ]
    shown = [(anchor, word, text) for anchor, word, text in sections if text]
    main = "".join(f'<section id="{anchor}">{text}</section>' for anchor, _, text in shown)
    return page(
        kind="study",
        title=study.title,
        summary=study.summary,
        byline=f"on <b>{markup.name(study.data)}</b> · <time>{markup.escape(study.created)}</time>",
        links=[(anchor, word) for anchor, word, _ in shown],
        warnings=_warnings(study.warnings),
        main=main,
        version=study.version,
    )


def _tables(study: StudyPage) -> str:
    note = (
        '<p class="note">Mean ± standard deviation over rounds and seeds where there are several. '
        "Shaded: the paper’s own values, in the paper’s unit.</p>"
        if any(e.paper for s in study.sheets for line in s.lines for e in line.entries)
        else '<p class="note">Mean ± standard deviation over rounds and seeds where there are several.</p>'
    )
    best = study.advice.row if study.advice is not None else ""
    first, *others = [_table(sheet, best, titled=index > 0) for index, sheet in enumerate(study.sheets)]
    advice = ""
    if study.advice is not None:
        trains = f"<pre><code>{markup.escape(study.advice.command)}</code></pre>"
        advice = f"<h3>{markup.escape(study.advice.said)}</h3><p>Train it:</p>{trains}"
    return f"<h2>Result</h2>{first}{note}{advice}{''.join(others)}"


def _table(sheet: Sheet, best: str, *, titled: bool) -> str:
    papers = [any(line.entries[i].paper for line in sheet.lines) for i in range(len(sheet.headings))]
    heads = "".join(
        f'<th scope="col" class="num{" paper" if paper else ""}">{markup.escape(heading)}</th>'
        for heading, paper in zip(sheet.headings, papers, strict=True)
    )
    body = "".join(_line(line, best=line.name == best) for line in sheet.lines)
    title = f"<caption>{markup.escape(sheet.title)}</caption>" if titled else ""
    return (
        f'<div class="scroll"><table class="plain study">{title}<thead><tr><th scope="col">'
        f"{markup.escape(sheet.first)}</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _line(line: Line, *, best: bool) -> str:
    remark = f'<span class="note">{markup.escape(line.remark)}</span>' if line.remark else ""
    kind = ' class="quoted"' if line.quoted else ' class="best"' if best else ""
    entries = "".join(map(_entry, line.entries))
    return f'<tr{kind}><th scope="row">{markup.name(line.name)}{remark}</th>{entries}</tr>'


def _entry(entry: Entry) -> str:
    return f'<td class="num{" paper" if entry.paper else ""}">{markup.escape(entry.text)}</td>'


def _differences(comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return ""
    *said, how = claims(comparisons)
    if not said:
        return f"<h2>Do the rows differ?</h2><p>{markup.escape(how)}</p>"
    items = "".join(f"<li>{markup.escape(one)}</li>" for one in said)
    return f'<h2>Do the rows differ?</h2><p class="intro">{markup.escape(how)}</p><ul>{items}</ul>'


def _charts(charts: Sequence[Lines]) -> str:
    drawn = "".join(map(line_chart, charts))
    return f'<h2>Figures</h2><div class="charts">{drawn}</div>' if drawn else ""


def _matrices(matrices: Sequence[Matrix]) -> str:
    drawn = "".join(
        f'<figure class="chart"><figcaption>{markup.name(m.name)}</figcaption>'
        f'<div class="scroll">{matrix_table(m.counts, m.labels)}</div></figure>'
        for m in matrices
    )
    intro = '<p class="intro">A row is what a clip shows, a column what the model called it.</p>'
    return f'<h2>Confusion matrices</h2>{intro}<div class="charts">{drawn}</div>' if drawn else ""


def _clips(clips: Mapping[str, Sequence[Sample]]) -> str:
    drawn = "".join(
        f'<div class="group"><h3>{markup.escape(title)}</h3>{clip_cards(samples)}</div>'
        for title, samples in clips.items()
        if samples
    )
    return f"<h2>Clips</h2>{drawn}" if drawn else ""


def _cells(cells: Sequence[CellResult]) -> str:
    rows = "".join(map(_cell, cells))
    heads = "".join(f'<th scope="col">{word}</th>' for word in ("row", "round", "seed", "accuracy", "run"))
    return (
        f"<h2>Every cell</h2><details{' open' if len(cells) <= 12 else ''}><summary>"
        f"{markup.plural(len(cells), 'cell')}</summary><div class='scroll'><table class='plain'><thead><tr>"
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _cell(result: CellResult) -> str:
    cell, place = result.cell, quote(result.cell.folder.as_posix())
    link = f'<a href="{place}/report.html">report</a>' if result.state == "done" else result.state
    reason = f": {markup.escape(result.reason)}" if result.reason else ""
    accuracy = markup.percent(result.metrics.get("accuracy"))
    return (
        f"<tr><td>{markup.name(cell.planned.name)}</td><td>{markup.escape(cell.one.part)}</td>"
        f'<td class="num">{cell.one.seed}</td><td class="num">{accuracy}</td>'
        f"<td>{link}{reason}</td></tr>"
    )


def _listed(title: str, items: Sequence[str]) -> str:
    drawn = "".join(f"<li>{markup.escape(item)}</li>" for item in items)
    return f'<h2>{markup.escape(title)}</h2><ul class="notes">{drawn}</ul>' if drawn else ""


def _warnings(warnings: Sequence[str]) -> str:
    items = "".join(f"<li>{markup.escape(text)}</li>" for text in warnings)
    title = "Before you trust the numbers"
    return (
        f'<aside class="warnings" aria-label="Warnings"><h2>{title}</h2><ul>{items}</ul></aside>'
        if items
        else ""
    )
