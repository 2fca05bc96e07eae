"""The files of a study as it stands: tables, page, and all of it for machines."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..atomic import write_text
from ..datasets.dataset import counted
from ..recipe import load_recipe
from ..studies.advice import advice
from ..studies.compare import Comparison, compare
from ..studies.page import StudyPage, render
from ..studies.results import CellResult, row_results, units_of
from ..studies.sheet import DATA_SETS, sheets
from ..studies.text import cells_csv, claims, csv_text, markdown, tex
from .study import StudyPlan, StudyResult
from .study_figures import charts, clips, matrices


def study_result(folder: Path, plan: StudyPlan, cells: Sequence[CellResult], *, final: bool) -> StudyResult:
    """Join the cells and write study.html, study.md, study.csv, cells.csv, study.tex and results.json.

    Film strips, which take time, are drawn in the final page alone.
    """
    study, layout = plan.study, plan.dataset.layout
    rows = row_results(cells, plan.protocol)
    reference = study.reference or rows[0].name
    units = units_of(plan.made)
    comparisons = compare({row.name: row.hits() for row in rows}, units, reference)
    made = sheets(study, rows, layout)
    best = advice(study, rows, units, plan.data, plan.overrides) if study.advises else None
    result = StudyResult(folder, plan, rows, made, comparisons, _warnings(plan, cells), best)
    title, unlike = study.title or study.name, differs(plan)
    remarks = [*([str(best)] if best else []), *claims(comparisons), *unlike, *result.warnings]
    write_text(folder / "study.md", markdown(f"{title}, on {plan.dataset.title}", made, remarks))
    write_text(folder / "study.csv", csv_text(made))
    write_text(folder / "cells.csv", cells_csv(cells))
    write_text(folder / "study.tex", tex(made))
    write_text(folder / "results.json", json.dumps(as_json(result), indent=2) + "\n")
    shown = StudyPage(
        title=title,
        summary=study.summary,
        version=__version__,
        created=datetime.date.today().isoformat(),
        data=plan.dataset.title,
        sheets=made,
        cells=cells,
        comparisons=comparisons,
        advice=best,
        charts=charts(study, rows, layout),
        matrices=matrices(study, rows),
        clips=clips(study, rows) if final else {},
        differs=unlike,
        notes=(*study.notes, *_paper_notes(plan)),
        warnings=result.warnings,
    )
    write_text(folder / "study.html", render(shown))
    return result


def as_json(result: StudyResult) -> dict[str, Any]:
    """The study for machines: rows with their values, claims, and how every cell stands."""
    columns = result.plan.study.columns
    return {
        "study": result.plan.study.name,
        "data": result.plan.dataset.title,
        "protocol": result.plan.protocol.model_dump(mode="json"),
        "quick": result.plan.options.quick,
        "rows": [
            {
                "name": row.name,
                "done": len(row.done),
                "failed": [c.reason for c in row.failed],
                "ci95": row.metrics.get("ci95"),
                "n_test": row.metrics.get("n_test"),
                "values": {key: dict(zip(("mean", "std"), row.value(key), strict=True)) for key in columns},
            }
            for row in result.rows
        ],
        "comparisons": [_comparison(one) for one in result.comparisons],
        "advice": str(result.advice) if result.advice else None,
        "warnings": result.warnings,
        "cells": [
            {"row": c.cell.planned.name, "round": c.cell.one.part, "seed": c.cell.one.seed, "state": c.state,
             "accuracy": c.metrics.get("accuracy"), "run": c.cell.folder.as_posix(), "reason": c.reason}
            for c in result.cells
        ],
    }  # fmt: skip


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        "row": one.better,
        "reference": one.than,
        "difference": one.difference,
        "ci95": list(one.interval),
        "p_holm": one.p,
        "significant": one.significant,
        "videos": one.videos,
        "units": one.units,
        "units_are": "groups" if one.grouped else "videos",
    }


def differs(plan: StudyPlan) -> list[str]:
    """What is not as in the paper: data, weights, backbones, hardware; nothing without a paper."""
    if plan.study.paper is None:
        return []
    dataset, said = plan.dataset, []
    known = next((name for name, layouts in DATA_SETS.items() if dataset.layout in layouts), None)
    videos = counted(len({r.id for one in plan.made for r in one.dataset.records}), "video")
    classes = counted(len(dataset.labels), "class")
    lists = f", with the official lists of {known}" if known else ""
    said.append(f"Data: {videos} of {classes} from {dataset.title}{lists}.")
    absent = max(len(one.dataset.absent) for one in plan.made)
    if absent:
        said.append(f"{absent} videos that the lists name are not there.")
    random = sorted(
        {n for p in plan.rows for s in p.recipe.streams.values() if _random(s) for n in s.backbones}
    )
    if random:
        said.append(f"Random weights in place of published ones: {', '.join(random)}.")
    shipped = {n for s in load_recipe(plan.study.recipe).streams.values() for n in s.backbones}
    used = {
        n for p in plan.rows if p.row.recipe is None for s in p.recipe.streams.values() for n in s.backbones
    }
    if used - shipped:
        said.append(f"Other backbones than the paper's: {', '.join(sorted(used - shipped))}.")
    said.append("Times are of this machine, and not comparable with the paper's.")
    return said


def _random(stream: Any) -> bool:
    return stream.weights == "none" and stream.on_stored_features


def _warnings(plan: StudyPlan, cells: Sequence[CellResult]) -> list[str]:
    """The cells' warnings, each once, with how many cells have it; what they all share comes first."""
    counts: dict[str, int] = {}
    for cell in cells:
        for text in dict.fromkeys(cell.warnings):
            counts[text] = counts.get(text, 0) + 1
    done = sum(c.state == "done" for c in cells)
    ordered = sorted(counts.items(), key=lambda one: -one[1])
    said = [text if n == done else f"{text} ({n} of {done} cells)" for text, n in ordered]
    if plan.options.quick:
        said.insert(0, "--quick: a few videos, epochs and rounds; the figures say that it runs, and no more")
    beside = max((c.cost.get("side_by_side", 1) for c in cells), default=1)
    if beside > 1 and {"train_minutes", "minutes"} & set(plan.study.columns):
        said.append(f"{beside} cells were trained side by side; alone each takes less time than is said here")
    failed = sum(c.state == "failed" for c in cells)
    if failed:
        said.insert(
            0, f"{counted(failed, 'cell')} of {len(cells)} failed; start the study again to try them again"
        )
    return said


def _paper_notes(plan: StudyPlan) -> tuple[str, ...]:
    """The decisions that the recipe's paper left open."""
    return plan.rows[0].recipe.notes if plan.study.paper else ()
