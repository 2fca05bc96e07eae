"""A CSV file of segments that is edited: what is not understood of it stays as it is.

Columns of other programs, the order of the rows and a byte order mark are kept; a row that nobody touched is
written as it was read.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from ..datasets.csv_file import text_rows
from ..datasets.dataset import class_name
from ..datasets.timeline.csv_segments import ALL_COLUMNS, mark_of
from ..errors import UsageError

PLAIN = ("file_name", "label", "start", "end")
BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Labelled:
    """One row's meaning, seconds to the millisecond: a segment of `file`, as the CSV calls it.

    `label` None is "nothing in this file". `end` None is the end of the file.
    """

    file: str
    label: str | None
    start: float = 0.0
    end: float | None = None
    annotator: str = ""

    @property
    def backwards(self) -> bool:
        """Whether it ends before it starts: readers leave it out."""
        return self.label is not None and self.end is not None and self.end <= self.start


@dataclass(frozen=True)
class Table:
    """The rows of a label file. `columns` are our names of the `header`, cell by cell."""

    header: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bom: bool = False

    @classmethod
    def empty(cls) -> Self:
        """A new file's."""
        return cls(PLAIN, PLAIN, ())

    @classmethod
    def parse(cls, data: bytes, name: str) -> Self:
        """The table in the bytes of the file `name`. Raises `UsageError` that names the line."""
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError(f"{name} is not UTF-8 text; save it as CSV UTF-8") from None
        bom, text = text.startswith(BOM), text.removeprefix(BOM)
        rows: list[tuple[str, ...]] = []
        columns: tuple[str, ...] = ()
        for line, row in text_rows(text, name, [], ALL_COLUMNS):
            mark_of(f"{name} line {line}", row)
            rows.append(tuple(row.values()))
            columns = tuple(row)
        header = tuple(next(csv.reader(io.StringIO(text, newline=""))))
        return cls(header, columns or tuple(_columns(text, name)), tuple(rows), bom)

    @cached_property
    def labelled(self) -> tuple[Labelled, ...]:
        """What each row says, in order."""
        return tuple(_meaning(dict(zip(self.columns, row, strict=True))) for row in self.rows)

    def encoded(self) -> bytes:
        """The file."""
        text = io.StringIO(newline="")
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(self.header)
        rows.writerows(self.rows)
        return (BOM * self.bom + text.getvalue()).encode("utf-8")

    def changed(self, remove: Iterable[Labelled], add: Iterable[Labelled]) -> Self:
        """The table without the rows `remove` and with rows `add`, which stand where those stood.

        New rows take what else their file's rows say of it (split, group). Raises `KeyError` for a row that
        is not there.
        """
        gone, new = Counter(remove), list(add)
        table = self._with_columns(new)
        places = {row.file: cells for row, cells in zip(self.labelled, table.rows, strict=True)}
        cells = [table._cells(row, places.get(row.file)) for row in new]
        rows: list[tuple[str, ...]] = []
        for row, own in zip(self.labelled, table.rows, strict=True):
            if not gone[row]:
                rows.append(own)
                continue
            gone[row] -= 1
            if cells:
                rows.append(cells.pop(0))
        if gone.total():
            raise KeyError("a row is not there")
        return replace(table, rows=(*rows, *cells))

    def missing_in(self, other: "Table") -> list[Labelled]:
        """The rows of this table that another has not."""
        return list((Counter(self.labelled) - Counter(other.labelled)).elements())

    def _with_columns(self, rows: Iterable[Labelled]) -> Self:
        """With the columns that these rows need."""
        needed = [*PLAIN, *(["annotator"] if any(row.annotator for row in rows) else [])]
        more = tuple(name for name in needed if name not in self.columns)
        if not more:
            return self
        own = tuple((*row, *[""] * len(more)) for row in self.rows)
        return replace(self, header=(*self.header, *more), columns=(*self.columns, *more), rows=own)

    def _cells(self, row: Labelled, like: tuple[str, ...] | None) -> tuple[str, ...]:
        known = dict(zip(self.columns, like, strict=True)) if like else {}
        found = {name: known.get(name, "") for name in ("split", "group")} | cells_of(row)
        return tuple(found.get(name, "") for name in self.columns)


def cells_of(row: Labelled) -> dict[str, str]:
    """A row as text, by our names of the columns."""
    return {
        "file_name": row.file,
        "label": row.label or "",
        "start": "" if row.label is None else f"{row.start:.3f}",
        "end": "" if row.end is None else f"{row.end:.3f}",
        "annotator": row.annotator,
    }


def _columns(text: str, name: str) -> list[str]:
    """The columns of a file without rows."""
    blank = ",".join("x" for _ in next(csv.reader(io.StringIO(text, newline="")), [""]))
    first = text.split("\n", 1)[0].rstrip("\r")
    _, row = next(text_rows(f"{first}\n{blank}\n", name, [], ALL_COLUMNS))
    return list(row)


def _meaning(row: dict[str, str]) -> Labelled:
    mark = mark_of("", row)
    if mark.label is None:
        return Labelled(mark.file, None, annotator=mark.annotator)
    end = None if mark.end is None else round(mark.end, 3)
    return Labelled(mark.file, class_name(mark.label), round(mark.start, 3), end, mark.annotator)
