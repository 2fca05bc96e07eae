"""The time to go of a study, and what is passed on of what its processes say; the clock is set by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import kinema.workflows.study_watch as study_watch
from kinema.studies.results import CellResult
from kinema.workflows.study_agenda import Agenda, Task
from kinema.workflows.study_messages import Said
from kinema.workflows.study_watch import Watch
from support.events import Told


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def watch(monkeypatch: pytest.MonkeyPatch, *, jobs: int = 1, rows: str = "aabb") -> tuple[Watch, Clock]:
    """A study of a cell a letter, each letter a row, whose features are all there."""
    monkeypatch.setattr(study_watch, "row_results", lambda results, protocol: [])
    monkeypatch.setattr(Agenda, "_ready", lambda self, task: True)
    planned = {name: SimpleNamespace(name=name) for name in rows}
    cells = [
        SimpleNamespace(
            planned=planned[name], name=f"{name}, cell {n}", one=SimpleNamespace(part=f"fold {n}")
        )
        for n, name in enumerate(rows)
    ]
    study = SimpleNamespace(columns=("accuracy",))
    plan: Any = SimpleNamespace(cells=cells, rows=list(planned.values()), protocol=None, study=study)
    tasks = [Task((n,), alone=jobs == 1) for n in range(len(cells))]
    clock = Clock()
    results: Any = {n: CellResult(cell) for n, cell in enumerate(plan.cells)}
    return Watch(plan, Agenda(plan, tasks, jobs=jobs), Told(), results, clock), clock


def begun(found: Watch) -> Task:
    task = found.agenda.begin()
    assert task is not None
    found.begin(task)
    return task


def ended(found: Watch, task: Task) -> None:
    found.agenda.end(task)
    metrics = {"accuracy": 0.5, "n_test": 4}
    found.result(task.cells[0], CellResult(found.results[task.cells[0]].cell, "done", metrics=metrics))


def test_the_time_to_go_is_that_of_cells_that_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    found, clock = watch(monkeypatch)
    told: Any = found.events
    task = begun(found)
    assert found.seconds_to_go() is None
    clock.now += 10
    ended(found, task)
    assert found.seconds_to_go() == 30
    task = begun(found)
    clock.now += 4
    assert found.seconds_to_go() == 26, "what a running cell has had is not to go"
    assert told.steps == ["cell 1 of 4: a, cell 0", "cell 2 of 4: a, cell 1, about 30 s to go"]
    assert "a, cell 0: 50.0% of 4 test videos" in told.notes


def test_before_a_cell_has_ended_it_is_told_by_the_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    found, clock = watch(monkeypatch)
    task = begun(found)
    clock.now += 10
    assert found.board().rows[0].now == "fold 0: starting"
    found.hear(task, Said("step", ("reading",)))
    found.hear(task, Said("progress", (5, 20)))
    assert found.seconds_to_go() == 30 + 3 * 40
    assert found.board().rows[0].now == "fold 0: reading 5 of 20"


def test_a_row_has_its_own_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    found, clock = watch(monkeypatch, rows="aabbb")
    for seconds in (10, 10, 40):
        task = begun(found)
        clock.now += seconds
        ended(found, task)
    assert found.seconds_to_go() == 2 * 40


def test_side_by_side_they_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found, clock = watch(monkeypatch, jobs=2)
    first, _ = begun(found), begun(found)
    clock.now += 10
    ended(found, first)
    begun(found)
    assert found.seconds_to_go() == (0 + 10 + 10) / 2
    assert [row.cells for row in found.board().rows] == [("done", "running"), ("running", "waiting")]


def test_of_one_process_everything_is_told_of_several_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = watch(monkeypatch, jobs=2)
    told: Any = found.events
    task = begun(found)
    found.hear(task, Said("step", ("training",)))
    begun(found)
    found.hear(task, Said("step", ("evaluating",)))
    found.hear(task, Said("warn", ("few videos",)))
    assert "training" in told.steps
    assert "evaluating" not in told.steps
    assert told.warnings == ["a, cell 0: few videos"]
