"""`kinema study`: a table or figure of a paper, or one's own, from one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ..errors import UsageError
from ..resources import Resources
from . import options
from .console import echo, escape, print_json
from .options import STORING, with_resources
from .study_console import StudyConsole

if TYPE_CHECKING:
    from ..workflows.study import StudyResult


@with_resources(*STORING)
def command(
    resources: Resources,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A study (see --list), `which`, or a .yaml file of your own."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Folder of class folders, a CSV, or a known dataset's folder."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the study.", show_default="study-NAME")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the studies that come with Kinema.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what would be computed and how long it would take; a few videos."
        ),
    ] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="A few videos, epochs and rounds: does it run, and what comes out?"),
    ] = False,
    layout: options.LayoutOption = "auto",
    split: Annotated[
        int | None,
        typer.Option(help="Number of the official split, where one is used.", show_default="the study's own"),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value in all rows, or protocol.KEY."),
    ] = None,
    jobs: Annotated[
        str, typer.Option(metavar="N|auto", help="Cells side by side; auto: by processors, memory and GPUs.")
    ] = "auto",
    json: options.JsonOption = False,
) -> None:
    """Train every row of a study, and write its table beside the paper's values: html, md, csv and tex.

    Stop at any moment and start the same command again: finished cells are kept, failed ones tried again.

    `kinema study which DATA` compares recipes and heads on your own videos, by folds of whole groups, and
    ends in the command that trains the winner.

    Example: kinema study vgg16-lstm-figure-6 hmdb51 --out study
    """
    if list_:
        _list(json)
        return
    if name is None:
        raise UsageError("name a study: kinema study NAME DATA --out DIR; `kinema study --list` shows them")
    if data is None:
        raise UsageError(f"name the videos: kinema study {name} DATA --out DIR")
    from ..workflows.study import StudyOptions, run_study

    chosen = StudyOptions(layout, split, quick, _jobs(jobs))
    with StudyConsole() as events:
        if dry_run:
            from ..workflows.study_plan import foretell

            _show_plan(foretell(name, data, set_ or (), chosen, resources, events), json)
            return
        folder = out or Path(f"study-{Path(name).stem}")
        result = run_study(
            name, data, out=folder, overrides=set_ or (), options=chosen, resources=resources, events=events
        )
    if json:
        from ..workflows.study_results import as_json

        print_json({"folder": str(result.folder), **as_json(result)})
    else:
        _show(result)


def _jobs(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise UsageError(f"--jobs {text}: give a number of cells side by side, or auto")
    return int(text)


def _list(json: bool) -> None:
    from ..studies.load import load_study, study_names

    studies = [load_study(name) for name in study_names()]
    if json:
        print_json([{"name": s.name, "title": s.title, "summary": s.summary} for s in studies])
        return
    table = Table("study", "what it gives", box=None, header_style="bold")
    for study in studies:
        table.add_row(f"[bold cyan]{study.name}[/]", escape(study.title))
    Console().print(table)


def _show(result: StudyResult) -> None:
    """The tables, what may be said of them, and where the page is."""
    from ..studies.text import aligned, claims

    for sheet in result.sheets:
        for line in aligned(sheet):
            echo(line)
    for said in claims(result.comparisons):
        echo(said)
    if result.advice:
        echo(str(result.advice))
    echo(f"study: {result.folder / 'study.html'}")


def _show_plan(plan: dict[str, Any], json: bool) -> None:
    if json:
        print_json(plan)
        return
    for line in plan["said"]:
        echo(line)
