"""The tasks of a study as a process does them: features; cells, each a run of a recipe on one split."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..atomic import write_text
from ..errors import KinemaError, WorkError
from ..evaluation.rounds import union
from ..extraction.extracted import Extracted
from ..extraction.loaded import NO_WEIGHTS, LoadedStream, load_streams
from ..model.build import count_parameters
from ..recipe import Recipe, changed
from ..studies.cells import Cell
from .context import Context, TrainOptions, TrainResult
from .events import SILENT
from .extract import extract_streams
from .memory import peak_memory
from .round_runs import read_history, round_recipe
from .study import StudyPlan
from .study_agenda import Task, measures, shares_features
from .study_folder import RECORD, extraction_seconds, note_costs, read_cell, write_cell
from .study_measure import measure
from .study_svm import train_svm_on
from .train_folds import FoldEvents
from .train_once import train_once


@dataclass(slots=True)
class CellRunner:
    """Does the tasks of a study; streams that one cell has loaded serve the next one too."""

    folder: Path
    plan: StudyPlan
    context: Context
    jobs: int
    _streams: dict[str, LoadedStream] = field(default_factory=dict)

    def do(self, task: Task) -> str | None:
        """Do one task. A cell's end is in its `cell.json`; for features, why they cannot be had."""
        cells = [self.plan.cells[number] for number in task.cells]
        if task.extracts:
            return self._extracted(cells)
        self._finish(cells[0], 1 if task.alone else self.jobs)
        return None

    def _extracted(self, cells: Sequence[Cell]) -> str | None:
        """Fill the store for cells of the same streams, in all rounds of their rows at once."""
        streams = cells[0].recipe.streams
        rows = {cell.planned.name for cell in cells}
        rounds = [c.one for c in self.plan.cells if c.planned.name in rows and c.recipe.streams == streams]
        try:
            extracted = extract_streams(union(rounds), self._loaded(cells[0].recipe), self.context)
        except Exception as error:
            return self._reason(error, cells[0])
        note_costs(self.folder, extracted)
        return None

    def _finish(self, cell: Cell, side_by_side: int) -> None:
        """Train one cell and note what it cost, or why it failed."""
        try:
            record = self._trained(cell)
            record["cost"]["side_by_side"] = side_by_side
        except Exception as error:
            record = {"state": "failed", "reason": self._reason(error, cell)}
        write_cell(self.folder, cell, record)

    def _reason(self, error: Exception, cell: Cell) -> str:
        """One line. What is no error of ours, such as torch's of a full GPU, is kept whole in a file."""
        if isinstance(error, KinemaError):
            return str(error)
        write_text(self.folder / cell.folder / "error.txt", traceback.format_exc())
        said = " ".join(str(error).split())[:200] or type(error).__name__
        return f"{said}; see {cell.folder.as_posix()}/error.txt"

    def _trained(self, cell: Cell) -> dict[str, Any]:
        recipe, place = round_recipe(cell.recipe, cell.one), self.folder / cell.folder
        # A backbone that is trained starts from published values in every cell.
        streams = self._loaded(recipe) if shares_features(cell) else None
        own = replace(self.context, events=FoldEvents(self.context.events))
        extracted = self._features(cell, streams) if streams else None
        if cell.planned.row.svm_on is not None:
            result = train_svm_on(self._base(cell), cell.one.dataset, place, own)
        elif (twin := self._twin(cell)) is not None:
            unmarked = shutil.ignore_patterns(RECORD)  # a kill may come at any moment
            shutil.copytree(self.folder / twin.folder, place, ignore=unmarked, dirs_exist_ok=True)
            result = TrainResult(place, {}, list(read_cell(self.folder, twin).warnings))
        else:
            result = train_once(
                cell.one.dataset, recipe, place, TrainOptions(), own, streams=streams, alone=False
            )
        cost = self._cost(cell, recipe, extracted)
        return {"state": "done", "cost": cost, "warnings": result.warnings}

    def _loaded(self, recipe: Recipe) -> dict[str, LoadedStream]:
        """The recipe's streams; those that the cell before had too are not loaded again."""
        held = {n: s for n, s in self._streams.items() if recipe.streams.get(n) == s.spec}
        missing = {n: spec for n, spec in recipe.streams.items() if n not in held}
        self._streams = held  # what is not needed any more is let go before more is loaded
        fresh = load_streams(missing, self.context.resources, advice=NO_WEIGHTS) if missing else {}
        self._streams = {n: held.get(n) or fresh[n] for n in recipe.streams}
        return self._streams

    def _features(self, cell: Cell, streams: dict[str, LoadedStream]) -> Extracted:
        """What the store has for all rounds of the cell's row, so that its cost is known as a whole."""
        rounds = [
            c.one
            for c in self.plan.cells
            if c.planned is cell.planned and c.recipe.streams == cell.recipe.streams
        ]
        return extract_streams(union(rounds), streams, replace(self.context, events=SILENT))

    def _twin(self, cell: Cell) -> Cell | None:
        """A finished cell that is the same training: rows may differ in what is measured alone."""
        same = (c for c in self.plan.cells if c.recipe == cell.recipe and c.one is cell.one and c is not cell)
        return next(
            (c for c in same if c.planned.row.svm_on is None and read_cell(self.folder, c).state == "done"),
            None,
        )

    def _base(self, cell: Cell) -> Path:
        """The run that an SVM is fitted on: the same round of the row that it names."""
        base = next(
            c for c in self.plan.cells
            if c.planned.name == cell.planned.row.svm_on and c.one is cell.one
        )  # fmt: skip
        found = read_cell(self.folder, base)
        if found.state != "done":
            raise WorkError(f"row '{base.planned.name}', whose model it takes, is not finished; see that row")
        return self.folder / base.folder

    def _cost(self, cell: Cell, recipe: Recipe, extracted: Extracted | None) -> dict[str, Any]:
        place = self.folder / cell.folder
        history = read_history(place)
        trained = sum(row.get("seconds", 0.0) for row in history)
        features = extraction_seconds(self.folder, extracted) if extracted else None
        here = changed(recipe, {"data.classes": len(cell.one.dataset.labels)})
        cost = {
            "parameters": count_parameters(here),
            "paper_parameters": count_parameters(recipe),
            "train_seconds": trained,
            "extract_seconds": features,
            "seconds_in_all": None if features is None else features + trained,
            "peak_memory": peak_memory(),
        }
        if measures(self.plan, cell):
            cost |= measure(place, cell.one.dataset.part("test"), cell.planned.row.workers, self.context)
        return cost
