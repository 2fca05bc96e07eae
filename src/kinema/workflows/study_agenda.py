"""What a study still has to do, and which of it may be begun beside what is under way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..studies.cells import Cell
from ..studies.columns import MEASURED
from .study import StudyPlan


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one process: one cell, or (`extracts`) the features that several cells share.

    `cells` are numbers of the plan's cells. `alone`: it takes the whole machine, to be fast, or because it
    measures how fast that is.
    """

    cells: tuple[int, ...]
    extracts: bool = False
    alone: bool = True


@dataclass(slots=True)
class Agenda:
    """The tasks of a study in the order of its rows, of which `jobs` may be under way at the same time.

    Features are extracted by one process at a time, once for all cells that share them. An SVM waits for the
    cell that it stands on, and a cell that is the same training as another one for that.
    """

    plan: StudyPlan
    waiting: list[Task]
    running: list[Task] = field(default_factory=list)
    jobs: int = 1

    @classmethod
    def of(cls, plan: StudyPlan, cells: Iterable[int], jobs: int) -> Agenda:
        """The tasks of these cells."""
        numbers, tasks = list(cells), []
        groups: list[int] = []  # the first cell of each kind of streams
        for number in numbers:
            cell = plan.cells[number]
            first = next((n for n in groups if plan.cells[n].recipe.streams == cell.recipe.streams), None)
            if first is None and shares_features(cell):
                groups.append(number)
                same = (n for n in numbers if plan.cells[n].recipe.streams == cell.recipe.streams)
                tasks.append(Task(tuple(same), extracts=True))
            tasks.append(Task((number,), alone=jobs == 1 or measures(plan, cell)))
        return cls(plan, tasks, jobs=jobs)

    def begin(self) -> Task | None:
        """The next task that may be begun now, which counts as running from here on."""
        if any(task.alone for task in self.running) or len(self.running) >= self.jobs:
            return None
        task = next((t for t in self.waiting if not t.alone and self._ready(t)), None)
        if task is None and not self.running:
            task = next((t for t in self.waiting if self._ready(t)), None)
        if task is not None:
            self.waiting.remove(task)
            self.running.append(task)
        return task

    def end(self, task: Task) -> None:
        """It is done with, whether it succeeded or not."""
        self.running.remove(task)

    def drop(self, task: Task) -> list[int]:
        """Give up the cells whose features these were; their numbers."""
        lost = [n for t in self.waiting if not t.extracts for n in t.cells if n in task.cells]
        self.waiting = [t for t in self.waiting if t.extracts or t.cells[0] not in lost]
        return lost

    def _ready(self, task: Task) -> bool:
        if task.extracts:
            return True
        (number,) = task.cells
        open_ = [t for t in (*self.waiting, *self.running) if t is not task]
        features = any(t.extracts and number in t.cells for t in open_)
        return not features and not any(not t.extracts and self._follows(number, t.cells[0]) for t in open_)

    def _follows(self, number: int, other: int) -> bool:
        """Whether a cell takes what another one trains."""
        cell, before = self.plan.cells[number], self.plan.cells[other]
        if cell.one is not before.one:
            return False
        if cell.planned.row.svm_on is not None:
            return cell.planned.row.svm_on == before.planned.name
        return other < number and before.planned.row.svm_on is None and before.recipe == cell.recipe


def shares_features(cell: Cell) -> bool:
    """Whether its features may be other cells' too: a backbone that is trained has features of its own."""
    return not cell.recipe.releases


def measures(plan: StudyPlan, cell: Cell) -> bool:
    """Whether a few videos are timed behind this cell: the first of its row, all rounds being alike."""
    first: Sequence[Cell] = [c for c in plan.cells if c.planned is cell.planned][:1]
    return cell in first and bool(MEASURED & set(plan.study.columns))
