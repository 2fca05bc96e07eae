"""The cells of a study, one after the other: each is a run of one recipe on one split."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from ..atomic import write_text
from ..errors import KinemaError, WorkError
from ..evaluation.rounds import union
from ..extraction.extracted import Extracted
from ..extraction.loaded import NO_WEIGHTS, LoadedStream, load_streams
from ..model.build import count_parameters
from ..recipe import Recipe, changed
from ..studies.cells import Cell
from ..studies.results import CellResult
from .context import Context, TrainOptions, TrainResult
from .events import duration
from .extract import extract_streams
from .memory import peak_memory
from .round_runs import read_history, round_recipe
from .study import StudyPlan
from .study_folder import RECORD, extraction_seconds, note_costs, read_cell, write_cell
from .study_measure import measure
from .study_svm import train_svm_on
from .train_folds import FoldEvents
from .train_once import train_once

MEASURED = {"seconds", "frames_per_second"}


@dataclass(slots=True)
class CellRunner:
    """Trains cells that are not finished; features and loaded streams are shared among them."""

    folder: Path
    plan: StudyPlan
    context: Context
    _streams: dict[str, LoadedStream] = field(default_factory=dict)
    _seconds: list[float] = field(default_factory=list)  # of each cell, without features that others share
    _extracting: float = 0.0

    def run(self, waiting: Sequence[Cell]) -> Iterator[CellResult]:
        """Each of these cells as it ends. One that fails stops no other."""
        for number, cell in enumerate(waiting):
            left = len(waiting) - number
            to_go = f", about {duration(fmean(self._seconds) * left)} to go" if self._seconds else ""
            self.context.events.step(f"cell {number + 1} of {len(waiting)}: {cell.name}{to_go}")
            started, self._extracting = time.monotonic(), 0.0
            self._finish(cell)
            self._seconds.append(time.monotonic() - started - self._extracting)
            yield read_cell(self.folder, cell)

    def _finish(self, cell: Cell) -> None:
        """Train one cell and note what it cost, or why it failed."""
        try:
            record = self._trained(cell)
        except KinemaError as error:
            record = {"state": "failed", "reason": str(error)}
        except (RuntimeError, MemoryError, ValueError) as error:
            # Of torch, such as a GPU that is too small: this recipe's own, and no reason to end the others.
            write_text(self.folder / cell.folder / "error.txt", traceback.format_exc())
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            record = {"state": "failed", "reason": f"{reason}; see {cell.folder.as_posix()}/error.txt"}
        write_cell(self.folder, cell, record)

    def _trained(self, cell: Cell) -> dict[str, Any]:
        recipe, place = round_recipe(cell.recipe, cell.one), self.folder / cell.folder
        # A backbone that is trained starts from published values in every cell, and its features are its own.
        shared = not any(stream.train_blocks for stream in recipe.streams.values())
        streams = self._loaded(recipe) if shared else None
        own = replace(self.context, events=FoldEvents(self.context.events))
        extracted = self._extract(cell, streams) if streams else None
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

    def _extract(self, cell: Cell, streams: dict[str, LoadedStream]) -> Extracted:
        """Features for all rounds of the cell's row at once, so that their cost is known as a whole."""
        rounds = [
            c.one
            for c in self.plan.cells
            if c.planned is cell.planned and c.recipe.streams == cell.recipe.streams
        ]
        started = time.monotonic()
        extracted = extract_streams(union(rounds), streams, self.context)
        self._extracting = time.monotonic() - started
        note_costs(self.folder, extracted)
        return extracted

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
        first = next(c for c in self.plan.cells if c.planned is cell.planned)
        if cell is first and MEASURED & set(self.plan.study.columns):  # the same in every round
            cost |= measure(place, cell.one.dataset.part("test"), cell.planned.row.workers, self.context)
        return cost
