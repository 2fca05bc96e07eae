"""Which task of a study may be begun beside which; no process is started here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kinema.workflows.study_agenda import Agenda, Task

ONE, OTHER = object(), object()  # rounds


@dataclass(frozen=True)
class Recipe:
    """Streams, and what else decides a training."""

    streams: dict[str, Any]
    rest: int = 0

    @property
    def releases(self) -> bool:
        return any(stream.train_blocks for stream in self.streams.values())


def stream(name: str, trained: int = 0) -> SimpleNamespace:
    return SimpleNamespace(name=name, train_blocks=trained)


@dataclass(frozen=True)
class Cell:
    planned: Any
    recipe: Recipe
    one: Any
    folder: Path = field(default=Path("x"))


def row(name: str, recipe: Recipe, svm_on: str | None = None) -> list[Cell]:
    planned = SimpleNamespace(name=name, row=SimpleNamespace(svm_on=svm_on))
    return [Cell(planned, recipe, one) for one in (ONE, OTHER)]


def agenda(*rows: list[Cell], jobs: int = 2, columns: tuple[str, ...] = ("accuracy",)) -> Agenda:
    cells = [cell for row in rows for cell in row]
    plan: Any = SimpleNamespace(cells=cells, study=SimpleNamespace(columns=columns))
    return Agenda.of(plan, range(len(cells)), jobs)


def word(task: Task) -> str:
    return ("features " if task.extracts else "") + ",".join(map(str, task.cells))


def order(found: Agenda) -> list[str]:
    """What is begun when every task ends at once, all that may run together in one word."""
    words = []
    while found.waiting:
        begun: list[Task] = []
        while (task := found.begin()) is not None:
            begun.append(task)
        words.append("+".join(word(task) for task in begun))
        for task in begun:
            found.end(task)
    return words


RGB, FLOW = {"rgb": stream("a")}, {"flow": stream("b")}


def test_features_come_first_and_alone_then_cells_side_by_side() -> None:
    found = agenda(row("a", Recipe(RGB)), row("b", Recipe(RGB, 1)), row("c", Recipe(FLOW)))
    assert order(found) == ["features 0,1,2,3", "0+1", "2+3", "features 4,5", "4+5"]


def test_with_one_job_the_rows_are_in_their_order() -> None:
    found = agenda(row("a", Recipe(RGB)), row("b", Recipe(FLOW)), jobs=1, columns=("accuracy", "seconds"))
    assert order(found) == ["features 0,1", "0", "1", "features 2,3", "2", "3"]


def test_cells_that_measure_have_the_machine_to_themselves() -> None:
    found = agenda(row("a", Recipe(RGB)), row("b", Recipe(RGB, 1)), columns=("accuracy", "seconds"), jobs=4)
    assert order(found) == ["features 0,1,2,3", "1+3", "0", "2"]


def test_an_svm_waits_for_the_model_that_it_stands_on_and_a_twin_for_its_twin() -> None:
    found = agenda(
        row("a", Recipe(RGB)), row("svm", Recipe(RGB), svm_on="a"), row("again", Recipe(RGB)), jobs=6
    )
    assert order(found) == ["features 0,1,2,3,4,5", "0+1", "2+3+4+5"]


def test_a_backbone_that_is_trained_has_features_of_its_own() -> None:
    found = agenda(row("a", Recipe({"rgb": stream("a", trained=1)})))
    assert order(found) == ["0+1"]


def test_a_finished_cell_is_waited_for_by_none() -> None:
    found = agenda(row("a", Recipe(RGB)), row("again", Recipe(RGB)))
    some = Agenda.of(found.plan, [2, 3], 2)
    assert order(some) == ["features 2,3", "2+3"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_cells_whose_features_cannot_be_had_are_given_up(jobs: int) -> None:
    found = agenda(row("a", Recipe(RGB)), row("b", Recipe(FLOW)), jobs=jobs)
    task = found.begin()
    assert task is not None
    found.end(task)
    assert found.drop(task) == [0, 1]
    assert [t.cells for t in found.waiting] == [(2, 3), (2,), (3,)]
