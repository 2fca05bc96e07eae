"""`kinema study`: a recipe varied over rows under one protocol becomes a table. Refusals come first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..datasets import Dataset
from ..errors import UsageError, WorkError
from ..evaluation.rounds import Round
from ..recipe import Protocol, changed
from ..resources import Resources
from ..studies.advice import Advice
from ..studies.cells import Cell, PlannedRow, make_cells, plan_rows, quick_rounds
from ..studies.compare import Comparison
from ..studies.load import load_study
from ..studies.results import CellResult, RowResult
from ..studies.schema import Study
from ..studies.sheet import Sheet
from .choose_protocol import choose_protocol
from .context import Context
from .events import SILENT, Events
from .folders import writable
from .study_folder import claim, locked, read_cell
from .trainable_rounds import DataSource, trainable_rounds


@dataclass(frozen=True, slots=True)
class StudyOptions:
    """How the data is read, and whether a few videos, epochs and rounds must do.

    jobs: cells side by side; None chooses by processors, memory and GPUs. Raises `UsageError`.
    """

    layout: str = "auto"
    split: int | None = None
    quick: bool = False
    jobs: int | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"jobs={self.jobs}: give 1 or more cells side by side, or auto")


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """Everything that is known of a study before the first training."""

    study: Study
    rows: Sequence[PlannedRow]
    protocol: Protocol
    cells: Sequence[Cell]
    options: StudyOptions
    data: str
    overrides: Sequence[str]

    @property
    def made(self) -> list[Round]:
        """The rounds, each once."""
        return list({(c.one.part, c.one.seed): c.one for c in self.cells}.values())

    @property
    def dataset(self) -> Dataset:
        """The data of the first round."""
        return self.cells[0].one.dataset


@dataclass(slots=True)
class StudyResult:
    """A study as it stands: its folder, rows, tables and claims of difference."""

    folder: Path
    plan: StudyPlan
    rows: list[RowResult]
    sheets: list[Sheet]
    comparisons: list[Comparison]
    warnings: list[str] = field(default_factory=list)
    advice: Advice | None = None

    @property
    def cells(self) -> list[CellResult]:
        """All cells, row by row."""
        return [cell for row in self.rows for cell in row.cells]


def run_study(
    study: str | Path | dict[str, Any] | Study,
    data: str | Path,
    *,
    out: str | Path,
    overrides: Iterable[str] = (),
    options: StudyOptions | None = None,
    resources: Resources | None = None,
    events: Events = SILENT,
) -> StudyResult:
    """Train every cell of a study on `data` and write its tables into `out`.

    Started again, it goes on where it stopped: no finished cell is trained again, a failed one is tried
    again. The tables are written after every cell. Raises `UsageError` before any work, `WorkError` where
    every cell has failed.
    """
    context = Context(resources or Resources(), events)
    plan = plan_study(study, data, overrides, options or StudyOptions(), context)
    folder = writable(Path(out))
    with locked(folder):
        how = f"{context.resources.precision}, quick {plan.options.quick}"
        claim(
            folder,
            plan.study,
            plan.rows,
            plan.protocol,
            plan.made,
            how,
        )
        found = {number: read_cell(folder, cell) for number, cell in enumerate(plan.cells)}
        waiting = [number for number, cell in found.items() if cell.state != "done"]
        if len(waiting) < len(plan.cells):
            events.note(f"{len(plan.cells) - len(waiting)} of {len(plan.cells)} cells are finished")
        whole = _trained(folder, plan, context, found, waiting)
    if all(cell.state == "failed" for cell in whole.cells):
        raise WorkError(
            f"every cell of study {plan.study.name} has failed, the first: {whole.cells[0].reason}"
        )
    return whole


def _trained(
    folder: Path, plan: StudyPlan, context: Context, found: dict[int, CellResult], waiting: Sequence[int]
) -> StudyResult:
    """Train the cells that wait; the tables are written after each."""
    from .study_agenda import Agenda
    from .study_jobs import side_by_side
    from .study_pool import StudyPool
    from .study_results import study_result
    from .study_watch import Watch

    jobs = side_by_side(plan.options.jobs, len(waiting), context.resources)
    agenda = Agenda.of(plan, waiting, jobs)
    watch = Watch(plan, agenda, context.events, found)
    with StudyPool(folder, plan, context, agenda, watch) as pool:
        for _ in pool.run():
            study_result(folder, plan, list(found.values()), final=False)
    return study_result(folder, plan, list(found.values()), final=True)


def plan_study(
    study: str | Path | dict[str, Any] | Study,
    data: str | Path,
    overrides: Iterable[str],
    options: StudyOptions,
    context: Context,
) -> StudyPlan:
    """The cells of a study on this data. Raises `UsageError` for all that is wrong with either."""
    study, overrides = load_study(study), list(overrides)
    rows, protocol = plan_rows(study, overrides, context.resources, quick=options.quick)
    recipe = changed(rows[0].recipe, {"protocol": protocol.model_dump(mode="json")})
    split = options.split or study.split
    source = DataSource(data, options.layout, split, recipe.data.whole_files)
    protocol = choose_protocol(recipe, source.load(split))[0].protocol
    validation = any(planned.recipe.training.needs_validation for planned in rows)
    read = partial(trainable_rounds, source, protocol, recipe.training.seed, validation=validation)
    read()  # what can be refused without reading files
    made = read(context=context)
    made = quick_rounds(made, study.quick) if options.quick else made
    cells = make_cells(rows, made, made[0].dataset.layout)
    return StudyPlan(study, rows, protocol, cells, options, str(data), overrides)
