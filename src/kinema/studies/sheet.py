"""The tables of a study as plain values, which every format writes in its own way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..recipe import load_recipe
from ..recipe.schema import PaperResult
from .columns import COLUMNS, Column
from .results import RowResult
from .schema import Study

# Layouts of the data sets that papers name.
DATA_SETS = {"HMDB51": ("hmdb51",), "UCF101": ("ucf101",), "KTH": ("kth", "kth_files"), "UCF-11": ("ucf11",)}


@dataclass(frozen=True, slots=True)
class Entry:
    """One value with its spread, in the unit of its column; `paper` marks one that is not ours.

    `words` stand in place of a value that is not one number.
    """

    column: Column
    value: float | None
    spread: float | None = None
    paper: bool = False
    words: str = ""

    @property
    def text(self) -> str:
        """As people read it."""
        return self.words or self.column.text(self.value, self.spread)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: its name, its entries, and a remark on cells that failed or wait."""

    name: str
    entries: tuple[Entry, ...]
    remark: str = ""
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: the heading of the lines' names, then those of the entries."""

    title: str
    first: str
    headings: tuple[str, ...]
    lines: tuple[Line, ...]


class PaperValues:
    """The values of a study's paper by column, row and split; of the data at hand alone, if it has any."""

    def __init__(self, study: Study, layout: str):
        self.results: list[PaperResult] = []
        if study.paper is None:
            return
        paper = load_recipe(study.paper.recipe).paper
        found = [r for r in paper.results if r.where in study.paper.places] if paper else []
        own = [r for r in found if layout in DATA_SETS.get(r.data, ())]
        self.results = own or found

    @property
    def data(self) -> list[str]:
        """The data sets that the values are of."""
        return list(dict.fromkeys(r.data for r in self.results))

    def value(self, column: str, row: str, data: str, part: str | None = None) -> float | None:
        """The paper's value of a row; of one split, or of no split where it names none."""
        measure = PAPER_MEASURES.get(column, column)
        fitting = [
            r
            for r in self.results
            if (r.measure, r.data, r.quoted) == (measure, data, False) and row in r.values
        ]
        wanted = [r for r in fitting if r.part == (part or "")]
        if part is None and not wanted and len({r.part for r in fitting}) == 1:
            wanted = fitting
        return wanted[0].values[row] if wanted else None

    def quoted(self) -> Iterator[tuple[str, str, str, float]]:
        """Other systems that the paper quotes: (data set, measure, name, value)."""
        for r in self.results:
            if r.quoted:
                yield from ((r.data, r.measure, name, value) for name, value in r.values.items())


# Where a column's name is not the measure's.
PAPER_MEASURES = {"paper_parameters": "parameters"}


def sheets(study: Study, rows: Sequence[RowResult], layout: str) -> list[Sheet]:
    """The study's table, and the systems that its paper quotes with ours in place."""
    paper = PaperValues(study, layout)
    made = [_across(study, rows, paper) if study.across else _down(study, rows, paper)]
    made += [sheet for data in paper.data if (sheet := _literature(study, rows, paper, data)) is not None]
    return made


def _down(study: Study, rows: Sequence[RowResult], paper: PaperValues) -> Sheet:
    """A line a row, a column a measure, the paper's values behind each."""
    pairs = [
        (column, data)
        for column in study.columns
        for data in (None, *paper.data)
        if data is None or any(paper.value(column, row.name, data) is not None for row in rows)
    ]
    headings = tuple(COLUMNS[c].title if data is None else f"paper, {data}" for c, data in pairs)
    lines = [
        Line(row.name, tuple(_entry(row, paper, column, data) for column, data in pairs), _remark(row))
        for row in rows
    ]
    return Sheet(study.title or study.name, "", headings, tuple(lines))


def _entry(row: RowResult, paper: PaperValues, column: str, data: str | None) -> Entry:
    if column == "interval":
        bounds = row.metrics.get("ci95")
        words = f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}" if bounds else "too few groups"
        return Entry(COLUMNS[column], None, words=words if row.metrics else "")
    if data is None:
        return Entry(COLUMNS[column], *row.value(column))
    return Entry(COLUMNS[column], paper.value(column, row.name, data), paper=True)


def _across(study: Study, rows: Sequence[RowResult], paper: PaperValues) -> Sheet:
    """A line a round and one of the mean; the rows side by side, the paper's values behind each."""
    key = study.columns[0]
    parts = list(dict.fromkeys(c.cell.one.part for row in rows for c in row.cells))
    pairs = [
        (row, data) for row in rows for data in (None, *paper.data) if _shown(paper, key, row, data, parts)
    ]
    headings = tuple(row.name if data is None else f"paper, {data}" for row, data in pairs)

    def entry(row: RowResult, data: str | None, part: str | None) -> Entry:
        if data is not None:
            return Entry(COLUMNS[key], paper.value(key, row.name, data, part), paper=True)
        return Entry(COLUMNS[key], *(row.value(key) if part is None else row.of_part(part, key)))

    lines = [Line(part, tuple(entry(row, data, part) for row, data in pairs)) for part in parts]
    if len(parts) > 1:
        remark = "; ".join(f"{row.name}: {said}" for row in rows if (said := _remark(row)))
        lines.append(Line("mean", tuple(entry(row, data, None) for row, data in pairs), remark))
    return Sheet(study.title or study.name, COLUMNS[key].title, headings, tuple(lines))


def _shown(paper: PaperValues, key: str, row: RowResult, data: str | None, parts: Sequence[str]) -> bool:
    if data is None:
        return True
    return any(paper.value(key, row.name, data, part) is not None for part in (None, *parts))


def _literature(study: Study, rows: Sequence[RowResult], paper: PaperValues, data: str) -> Sheet | None:
    quoted = [(measure, name, value) for d, measure, name, value in paper.quoted() if d == data]
    if not quoted:
        return None
    measure = quoted[0][0]
    column = COLUMNS[measure]
    best = [r for r in rows if paper.value(measure, r.name, data) is not None] or list(rows)
    lines = [Line(name, (Entry(column, value, paper=True),), quoted=True) for _, name, value in quoted]
    for row in best:
        printed = paper.value(measure, row.name, data)
        if printed is not None:
            lines.append(Line(f"{row.name}, the paper", (Entry(column, printed, paper=True),)))
        lines.append(Line(f"{row.name}, here", (Entry(column, *row.value(measure)),), _remark(row)))
    return Sheet(
        f"Beside other systems on {data}, as the paper quotes them", "", (column.title,), tuple(lines)
    )


def _remark(row: RowResult) -> str:
    """What is not in the row's values yet, and why."""
    waiting = sum(c.state == "waiting" for c in row.cells)
    failed = [f"{c.cell.one.part}, seed {c.cell.one.seed} failed: {c.reason}" for c in row.failed]
    waits = [f"{waiting} of {len(row.cells)} cells to come"] if waiting else []
    return "; ".join([*failed, *waits])
