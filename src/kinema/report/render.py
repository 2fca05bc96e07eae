"""`ReportData` -> report.html: one file that needs nothing else, not even a network."""

from pathlib import Path

from ..atomic import write_text
from . import markup
from .classes import class_section
from .clips import clip_cards
from .confusion import confusion_section
from .data import ReportData, Section
from .facts import cost_section, dataset_section, recipe_section, training_section
from .figures import figure
from .headline import comparison_section, result_section, warning_list
from .page import page

_NAV = {
    "result": "Result", "baselines": "Baselines", "classes": "Classes", "confusion": "Confusion",
    "clips": "Clips", "training": "Learning", "data": "Videos", "recipe": "Recipe", "cost": "Cost",
}  # fmt: skip


def render_report(run: ReportData) -> str:
    """The report as HTML text. Every name in it is escaped; scripts other than its own cannot run."""
    main = "".join([
        result_section(run), comparison_section(run.comparisons), class_section(run), confusion_section(run),
        _clips_section(run), training_section(run.history), dataset_section(run.dataset),
        *(_extra_section(section, index) for index, section in enumerate(run.sections)),
        recipe_section(run), cost_section(run.cost),
    ])  # fmt: skip
    return page(
        kind="report",
        title=run.title,
        summary=run.summary,
        byline=_byline(run),
        links=_links(main, run.sections),
        warnings=warning_list(run),
        main=main,
        version=run.version,
    )


def write_report(path: Path, run: ReportData) -> None:
    """Write `render_report(run)` to `path` in one step: a reader sees the old file or the whole new one."""
    write_text(path, render_report(run))


def _links(main: str, sections: tuple[Section, ...]) -> list[tuple[str, str]]:
    """Anchor and word of the sections that are there."""
    links = [(anchor, word) for anchor, word in _NAV.items() if f'id="{anchor}"' in main]
    at = next((index for index, (anchor, _) in enumerate(links) if anchor in ("recipe", "cost")), len(links))
    further = [(f"more-{index}", section.nav or section.title) for index, section in enumerate(sections)]
    links[at:at] = further
    return links


def _byline(run: ReportData) -> str:
    parts = [f"recipe <b>{markup.name(run.recipe)}</b>"] if run.recipe else []
    if run.dataset is not None:
        parts.append(f"on <b>{markup.name(run.dataset.root)}</b>")
    if run.created:
        parts.append(f"<time>{markup.escape(run.created)}</time>")
    return " · ".join(parts)


def _clips_section(run: ReportData) -> str:
    """The surest hits and the worst misses as film strips, and every other miss by name."""
    index = {label: row for row, label in enumerate(run.labels)}
    hits = [sample for sample in run.samples if sample.correct]
    misses = [sample for sample in run.samples if not sample.correct]
    shown = [sample for sample in misses if sample.strip is not None] or misses
    others = [sample for sample in misses if sample not in shown]
    groups = "".join(
        f'<div class="group"><h3>{title}</h3><p class="note">{note}</p>{clip_cards(samples, index)}</div>'
        for title, note, samples in (
            ("Worst misses", "Wrong answers; those furthest above the true class first.", shown),
            ("Other misses", _rest(run, len(misses)), others),
            ("Surest hits", "Right answers with the highest scores, one of each class first.", hits),
        )
        if samples
    )
    if not groups:
        return ""
    return (
        '<section id="clips"><h2>See for yourself</h2>'
        '<p class="intro js">Point at a film strip to play it.</p>'
        '<p class="filter" role="status" hidden><span></span> '
        f'<button type="button">show all clips</button></p>{groups}</section>'
    )


def _rest(run: ReportData, named: int) -> str:
    """What follows the worst misses: all others, or as many as are named here."""
    matrix = run.metrics.get("confusion") or []
    wrong = sum(map(sum, matrix)) - sum(row[i] for i, row in enumerate(matrix))
    more = f" {markup.count(wrong - named)} more are in predictions.csv." if wrong > named else ""
    return f"{'Further' if more else 'All other'} wrong answers, by name.{more}"


def _extra_section(section: Section, index: int) -> str:
    intro = f'<p class="intro">{markup.escape(section.intro)}</p>' if section.intro else ""
    figures = "".join(map(figure, section.figures))
    return f'<section id="more-{index}"><h2>{markup.escape(section.title)}</h2>{intro}{figures}</section>'
