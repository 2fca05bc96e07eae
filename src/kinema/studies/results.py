"""What the cells of a study found, joined by rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

import numpy as np

from ..datasets.units import group_units
from ..evaluation.folds import pool_folds
from ..evaluation.predictions import Answers
from ..evaluation.protocols import counted_rounds, summarise
from ..evaluation.rounds import Round
from ..recipe import Protocol
from .cells import Cell
from .columns import COLUMNS

State = Literal["done", "failed", "waiting"]


@dataclass(slots=True)
class CellResult:
    """One cell: how it stands, metrics.json of its run, what it cost, its answers and its history."""

    cell: Cell
    state: State = "waiting"
    reason: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    cost: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    answers: Answers | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, Any]:
        """What a column reads."""
        return {"metrics": self.metrics, "cost": self.cost}


@dataclass(slots=True)
class RowResult:
    """A row with its cells and, once one is done, the metrics of all that are."""

    name: str
    cells: list[CellResult]
    protocol: Protocol
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> list[CellResult]:
        """The finished cells that the headline is made of."""
        done = [c for c in self.cells if c.state == "done"]
        made = [c.cell.one for c in done]
        return [done[i] for i in counted_rounds(self.protocol.kind, made)]

    @property
    def failed(self) -> list[CellResult]:
        """The cells that failed."""
        return [c for c in self.cells if c.state == "failed"]

    def value(self, column: str) -> tuple[float | None, float | None]:
        """A column's value and its standard deviation over rounds and seeds; None where nothing is known."""
        known, spread = COLUMNS[column].over([c.facts for c in self.done])
        if known is None:
            return None, None
        whole = COLUMNS[column].value({"metrics": self.metrics, "cost": _means(self.done)})
        return known if whole is None else COLUMNS[column].scale * whole, spread

    def of_part(self, part: str, column: str) -> tuple[float | None, float | None]:
        """The same over the seeds of one round."""
        return COLUMNS[column].over([c.facts for c in self.done if c.cell.one.part == part])

    def hits(self) -> dict[str, float]:
        """Share of right answers to each test video, by its name and part, over rounds and seeds."""
        found: dict[str, list[float]] = {}
        for cell in self.done:
            if cell.answers is None:
                continue
            labels = cell.cell.one.dataset.labels
            for record, scores in zip(cell.answers.records, cell.answers.scores, strict=True):
                found.setdefault(record.id, []).append(float(labels[int(scores.argmax())] == record.label))
        return {name: fmean(values) for name, values in found.items()}


def row_results(cells: Sequence[CellResult], protocol: Protocol) -> list[RowResult]:
    """The rows in their order, each with the metrics of its finished cells."""
    rows: dict[str, RowResult] = {}
    for result in cells:
        name = result.cell.planned.name
        rows.setdefault(name, RowResult(name, [], protocol)).cells.append(result)
    for row in rows.values():
        row.metrics = _joined(row, protocol)
    return list(rows.values())


def units_of(made: Sequence[Round]) -> dict[str, str]:
    """The group of every video, or the video itself where none is known, by its name and part."""
    records = list({r.id: r for one in made for r in one.dataset.records}.values())
    grouped = any(r.group is not None for r in records)
    return dict(
        zip(
            [r.id for r in records], group_units(records) if grouped else [r.id for r in records], strict=True
        )
    )


def _joined(row: RowResult, protocol: Protocol) -> dict[str, Any]:
    done = row.done
    if not done:
        return {}
    made, metrics = [c.cell.one for c in done], [c.metrics for c in done]
    seeds = len({one.seed for one in made})
    present = protocol.model_copy(update={"seeds": seeds})
    if protocol.kind == "folds":
        return pool_folds(present, made, metrics, [c.answers for c in done if c.answers is not None])
    return summarise(present, made, metrics)


def _means(cells: Sequence[CellResult]) -> Mapping[str, float]:
    keys = {key for cell in cells for key, value in cell.cost.items() if value is not None}
    return {k: float(np.mean([c.cost[k] for c in cells if c.cost.get(k) is not None])) for k in keys}
