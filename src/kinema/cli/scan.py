"""`kinema scan`: what is in a data folder."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from .console import ConsoleEvents, escape, print_json
from .options import DataArgument, JsonOption, LayoutOption, SplitOption

if TYPE_CHECKING:
    from ..workflows.scan import ScanReport, Spread

SHOWN = 8
MOST_CLASSES, AT_EITHER_END = 60, 15


def command(
    data: DataArgument,
    layout: LayoutOption = "auto",
    split: SplitOption = 1,
    headers: Annotated[
        bool, typer.Option("--headers", help="Believe the files' headers: decode nothing, find no damage.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Counts, lengths, sound, broken files, duplicates and leaks of a data folder.

    Every file is decoded to its end, to count its frames and to find damage.

    Example: kinema scan videos --json
    """
    from ..workflows.scan import scan

    with ConsoleEvents() as events:
        report = scan(data, layout=layout, split=split, exact=not headers, events=events)
    if json:
        print_json(asdict(report))
    else:
        _show(report)


def _show(report: ScanReport) -> None:
    """Counts per class first, then the facts, then everything that needs attention."""
    console = Console()
    splits = [s for s in ("train", "val", "test", "unsplit") if any(row[s] for row in report.counts.values())]
    table = Table("class", *splits, box=None, header_style="bold")
    rows = list(report.counts.items())
    if len(rows) > MOST_CLASSES:
        rows.sort(key=lambda row: -sum(row[1].values()))
    for number, (label, row) in enumerate(rows):
        if len(rows) <= MOST_CLASSES or not AT_EITHER_END <= number < len(rows) - AT_EITHER_END:
            table.add_row(escape(label), *(str(row[s]) for s in splits))
        elif number == AT_EITHER_END:
            table.add_row(f"[dim]{len(rows) - 2 * AT_EITHER_END} classes between[/]")
    totals = (sum(row[s] for row in report.counts.values()) for s in splits)
    table.add_row("[bold]total[/]", *(f"[bold]{n}[/]" for n in totals))
    console.print(table)
    console.print(f"layout {report.layout}; split: {report.split_source or 'none, train makes one'}")
    console.print(f"{report.files} files, {report.groups} groups; length {_length(report.seconds)}")
    console.print(
        f"frame rates {_tally(report.fps)}; sizes {_tally(report.sizes)}; codecs {_tally(report.codecs)}"
    )
    console.print(f"sound: {_tally(report.sound)}")
    _list(console, "broken", [f"{name}: {reason}" for name, reason in report.broken])
    _list(console, "damaged", [f"{name}: {reason}" for name, reason in report.damaged])
    _list(console, "listed but absent", list(report.absent))
    _list(console, "identical files", [d.shown for d in report.duplicates])
    _list(
        console,
        "groups in train and test",
        [f"{k.label or ''} {k.group}: {k.train} train, {k.test} test".strip() for k in report.leaks],
    )
    for warning in report.warnings:
        console.print(f"[yellow]![/] {escape(warning)}")
    if report.refusal:
        console.print(f"[red]cannot train:[/] {escape(report.refusal)}")


def _length(spread: Spread | None) -> str:
    if spread is None:
        return "unknown"
    ends = f"{spread.minimum:.1f} to {spread.maximum:.1f} s"
    return f"{ends}, median {spread.median:.1f}, in all {spread.total:.0f}"


def _tally(counts: dict[str, int]) -> str:
    return ", ".join(f"{key} ({count})" for key, count in list(counts.items())[:SHOWN] if count) or "none"


def _list(console: Console, title: str, rows: list[str]) -> None:
    if rows:
        console.print(f"[yellow]{title}: {len(rows)}[/]")
        for row in rows[:SHOWN]:
            console.print(f"  {escape(row)}", highlight=False)
        if len(rows) > SHOWN:
            console.print(f"  and {len(rows) - SHOWN} more")
