"""The processes in which a study's cells are trained. One that dies takes its cell with it, no other."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Self

from ..errors import WorkError
from ..extraction.child import how_it_ended, start_child
from ..resources import gpus, threads
from ..studies.results import CellResult
from .context import Context
from .events import SILENT
from .study import StudyPlan
from .study_agenda import Agenda, Task
from .study_folder import read_cell, write_cell
from .study_messages import Assignment, Ended, Said
from .study_watch import Watch

PATIENCE = 5.0  # seconds that a process has to put away what it is writing
SECONDS = 1.0  # between two looks at the clock


@dataclass(slots=True)
class StudyPool:
    """Runs the tasks of an agenda, as many at once as it allows. `close`, or leaving it, ends the processes.

    Raises `WorkError` where no process can be started.
    """

    folder: Path
    plan: StudyPlan
    context: Context
    agenda: Agenda
    watch: Watch
    _processes: list[_Process] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def run(self) -> Iterator[CellResult]:
        """Each cell as it ends."""
        while self.agenda.waiting or self.agenda.running:
            while (task := self.agenda.begin()) is not None:
                self.watch.begin(task)
                self._process(task).give(task)
            yield from self._heard()

    def close(self) -> None:
        """End all processes; those at work leave nothing half-written behind."""
        for process in self._processes:
            process.end()
        for process in self._processes:
            process.gone()
        self._processes.clear()

    def _heard(self) -> Iterator[CellResult]:
        """What the processes say within a second: progress, and cells that have ended."""
        busy = {p.connection: p for p in self._processes if p.task is not None}
        ready = wait(list(busy), timeout=SECONDS)
        if not ready:
            self.watch.look()
        for connection in ready:
            process = busy[connection]  # type: ignore[index]
            assert process.task is not None
            try:
                message = process.connection.recv()
            except (EOFError, OSError):
                yield from self._crashed(process, process.task)
                continue
            if isinstance(message, Said):
                self.watch.hear(process.task, message)
            else:
                yield from self._ended(process, process.task, message)

    def _ended(self, process: _Process, task: Task, message: Ended) -> Iterator[CellResult]:
        process.task = None
        self.agenda.end(task)
        if "memory" in self.plan.study.columns:  # the peak must be that of one cell
            self._dismiss(process)
        if message.reason is not None:
            yield from self._lost(task, message.reason)
        elif task.extracts:
            self.watch.end(task)
        else:
            yield self._result(task.cells[0])

    def _crashed(self, process: _Process, task: Task) -> Iterator[CellResult]:
        cause = how_it_ended(process.process)
        hint = ", perhaps for lack of memory: --jobs 1 needs least" if cause == "signal 9" else ""
        what = "the process that extracted its features" if task.extracts else "its process"
        self._dismiss(process)
        self.agenda.end(task)
        yield from self._lost(task, f"{what} was ended by {cause}{hint}")

    def _lost(self, task: Task, reason: str) -> Iterator[CellResult]:
        """The cells that will not be trained, with the reason."""
        self.watch.end(task)
        for number in self.agenda.drop(task) if task.extracts else task.cells:
            write_cell(self.folder, self.plan.cells[number], {"state": "failed", "reason": reason})
            yield self._result(number)

    def _result(self, number: int) -> CellResult:
        result = read_cell(self.folder, self.plan.cells[number])
        self.watch.result(number, result)
        return result

    def _process(self, task: Task) -> _Process:
        """One that waits for work and has as many threads as the task may take, or a new one."""
        count = threads() if task.alone else max(1, threads() // self.agenda.jobs)
        idle = [p for p in self._processes if p.task is None]
        for process in idle:
            if process.threads == count:
                return process
        for process in idle:  # its memory is wanted
            self._dismiss(process)
        slot = min({*range(len(self._processes) + 1)} - {p.slot for p in self._processes})
        process = _Process.start(slot, count)
        self._processes.append(process)
        process.tell(Assignment(self.folder, self.plan, self._context(slot), self.agenda.jobs))
        return process

    def _context(self, slot: int) -> Context:
        """The context, with a GPU of its own for each process where there are several."""
        resources, devices = self.context.resources, gpus()
        if devices > 1 and resources.device in ("auto", "cuda"):
            resources = replace(resources, device=f"cuda:{slot % devices}")
        return replace(self.context, resources=resources, events=SILENT)

    def _dismiss(self, process: _Process) -> None:
        process.end()
        process.gone()
        self._processes.remove(process)


@dataclass(slots=True)
class _Process:
    """A child, our end of its pipe, and what it is doing."""

    slot: int
    threads: int
    process: subprocess.Popen[bytes]
    connection: Connection
    task: Task | None = None

    @classmethod
    def start(cls, slot: int, count: int) -> Self:
        ours, theirs = Pipe()
        try:
            # As many as there are anyway need no word, which a user's own settings might contradict.
            environment = {} if count == threads() else {"OMP_NUM_THREADS": str(count)}
            child = start_child("kinema.workflows.study_process", theirs, **environment)
        except OSError as error:
            ours.close()
            raise WorkError(
                f"cannot start a process for a cell ({error.strerror}); ask for fewer with --jobs"
            ) from None
        finally:
            theirs.close()
        return cls(slot, count, child, ours)

    def tell(self, assignment: Assignment) -> None:
        self._send(assignment)

    def give(self, task: Task) -> None:
        self.task = task
        self._send(task)

    def _send(self, message: Assignment | Task) -> None:
        """One that is gone already is found out when its answer is waited for."""
        with suppress(OSError):
            self.connection.send(message)

    def end(self) -> None:
        self.process.terminate()
        self.connection.close()

    def gone(self) -> None:
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
