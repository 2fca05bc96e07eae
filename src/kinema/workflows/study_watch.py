"""What is told of a study while it runs: its table so far, who is at work, and the time to go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import fmean

from ..datasets.dataset import counted
from ..studies.board import Board, BoardRow, Standing
from ..studies.columns import COLUMNS
from ..studies.results import CellResult, row_results
from ..weights.find import DOWNLOADS
from .events import Events, duration
from .study import StudyPlan
from .study_agenda import Agenda, Task
from .study_messages import Said

SECONDS = 0.2  # between two looks, whatever is said


@dataclass(slots=True)
class _Running:
    """A task under way: since when, how far (done and in all), and what it said last."""

    since: float
    far: tuple[int, int] = (0, 0)
    says: str = "starting"

    def left(self, now: float) -> float | None:
        """Seconds, at the pace so far."""
        done, total = self.far
        return (now - self.since) / done * (total - done) if done else None


@dataclass(slots=True)
class Watch:
    """Keeps what the board shows, and tells `events` of every change.

    Where several tasks are under way, their steps and progress would be a muddle: only the board has them.
    """

    plan: StudyPlan
    agenda: Agenda
    events: Events
    results: dict[int, CellResult]
    clock: Callable[[], float] = time.monotonic
    _running: dict[Task, _Running] = field(default_factory=dict)
    _seconds: dict[int, float] = field(default_factory=dict)  # of each cell that ended here
    _values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _numbers: dict[str, list[int]] = field(default_factory=dict)  # the cells of each row
    _cells: int = 0
    _begun: int = 0
    _looked: float = 0.0

    def __post_init__(self) -> None:
        self._cells = sum(not task.extracts for task in self.agenda.waiting)
        for number, cell in enumerate(self.plan.cells):
            self._numbers.setdefault(cell.planned.name, []).append(number)
        self._score()

    def begin(self, task: Task) -> None:
        """A task is given to a process."""
        self._running[task] = _Running(self.clock())
        if not task.extracts:
            self._begun += 1
            left = self.seconds_to_go()
            to_go = f", about {duration(left)} to go" if left is not None else ""
            name = self.plan.cells[task.cells[0]].name
            self.events.step(f"cell {self._begun} of {self._cells}: {name}{to_go}")
        self.look()

    def hear(self, task: Task, said: Said) -> None:
        """A process says something of its task."""
        own = self._running[task]
        match said.method:
            case "step":
                own.says = said.given[0]
                if task.extracts:
                    own.since, own.far = self.clock(), (0, 0)
            case "progress":
                own.far = said.given
            case "epoch":
                row, epochs = said.given
                own.far, own.says = (row["epoch"], epochs), "epoch"
        if said.method == "download":
            DOWNLOADS.get()(*said.given)
        elif len(self.agenda.running) == 1:
            getattr(self.events, said.method)(*said.given)
        elif said.method in ("note", "warn"):
            getattr(self.events, said.method)(f"{self._name(task)}: {said.given[0]}")
        if self.clock() - self._looked > SECONDS:
            self.look()

    def end(self, task: Task) -> None:
        """A task is over, and its cells, if it had any of its own, have failed or come later."""
        self._running.pop(task, None)
        self.look()

    def result(self, number: int, result: CellResult) -> None:
        """A cell has ended."""
        task = next((t for t in self._running if not t.extracts and t.cells == (number,)), None)
        if task is not None:
            self._seconds[number] = self.clock() - self._running.pop(task).since
        self.results[number] = result
        self._score()
        self._tell(result)
        self.look()

    def look(self) -> None:
        """Tell how the study stands now."""
        self._looked = self.clock()
        self.events.board(self.board())

    def board(self) -> Board:
        """How the study stands now."""
        rows = [self._row(planned.name) for planned in self.plan.rows]
        headings = tuple(COLUMNS[column].title for column in self.plan.study.columns)
        unknown = sum(task.extracts for task in self.agenda.waiting)
        return Board(headings, tuple(rows), self.seconds_to_go(), unknown)

    def seconds_to_go(self) -> float | None:
        """Of the cells, at the pace of those that have ended (of the same row first), or are under way."""
        now = self.clock()
        lefts = {task: own.left(now) for task, own in self._running.items()}
        paces = [*self._seconds.values()] or [
            now - own.since + left
            for task, own in self._running.items()
            if not task.extracts and (left := lefts[task]) is not None
        ]
        if not paces:
            return None
        waiting = sum(self._expected(t.cells[0], paces) for t in self.agenda.waiting if not t.extracts)
        running = sum(
            left if (left := lefts[task]) is not None else max(0.0, fmean(paces) - (now - own.since))
            for task, own in self._running.items()
        )
        return (waiting + running) / max(
            1, min(self.agenda.jobs, len(self._running) + len(self.agenda.waiting))
        )

    def _expected(self, number: int, paces: Iterable[float]) -> float:
        row = self.plan.cells[number].planned
        own = [s for n, s in self._seconds.items() if self.plan.cells[n].planned is row]
        return fmean(own or paces)

    def _row(self, name: str) -> BoardRow:
        numbers = self._numbers[name]
        under_way = [(task, own) for task, own in self._running.items() if set(task.cells) & set(numbers)]
        at_work = {n for task, _ in under_way if not task.extracts for n in task.cells}
        cells: tuple[Standing, ...] = tuple(
            "running" if n in at_work else self.results[n].state for n in numbers
        )
        now = "; ".join(self._now(task, own) for task, own in under_way)
        return BoardRow(name, cells, now, self._values.get(name, ()))

    def _now(self, task: Task, own: _Running) -> str:
        """`fold 1 of 5: epoch 3 of 50`."""
        done, total = own.far
        says = f"{own.says.removeprefix('stream ')}" if task.extracts else own.says
        far = f" {done} of {total}" if total else ""
        part = "" if task.extracts else self.plan.cells[task.cells[0]].one.part
        return ": ".join(text for text in (part, f"{says}{far}".strip()) if text)

    def _score(self) -> None:
        """The columns of all rows, which are only worked out anew where a cell has ended."""
        for row in row_results(list(self.results.values()), self.plan.protocol):
            self._values[row.name] = tuple(
                COLUMNS[column].text(*row.value(column)) for column in self.plan.study.columns
            )

    def _name(self, task: Task) -> str:
        cell = self.plan.cells[task.cells[0]]
        return f"features of {cell.planned.name}" if task.extracts else cell.name

    def _tell(self, result: CellResult) -> None:
        if result.state == "failed":
            self.events.warn(f"{result.cell.name}: failed: {result.reason}")
        elif result.state == "waiting":
            self.events.warn(f"{result.cell.name}: its files cannot be read back; start the study again")
        else:
            videos = counted(result.metrics["n_test"], "test video")
            self.events.note(f"{result.cell.name}: {result.metrics['accuracy']:.1%} of {videos}")
