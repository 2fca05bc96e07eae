"""Segments as CSV, one a row: `file_name,label,start,end[,split,group,annotator]`."""

from collections.abc import Mapping
from pathlib import Path

from ...errors import UsageError
from ..csv_file import read_seconds, read_text, text_rows
from ..csv_header import COLUMNS
from .assemble import Annotations, Mark

ALL_COLUMNS = (*COLUMNS, "annotator")


def detect(root: Path) -> bool:
    """Whether `root` is a CSV file."""
    return root.is_file() and root.suffix.lower() == ".csv"


def read(root: Path, *, split: int | None = None) -> Annotations:
    """Seconds of the file's time; a blank start is 0, a blank end the end of the file.

    A row with neither label nor times says that somebody looked at the file and found nothing. Rows of
    several annotators differ in `annotator`. Raises `UsageError` that names the line.
    """
    return parsed(root, read_text(root))


def parsed(root: Path, text: str) -> Annotations:
    """`read` of a text that is, or will be, the file `root`."""
    warnings: list[str] = []
    rows = text_rows(text, root.name, warnings, ALL_COLUMNS)
    marks = [mark_of(f"{root.name} line {line}", row) for line, row in rows]
    return Annotations("csv", root, root.parent, marks, warnings)


def mark_of(where: str, row: Mapping[str, str]) -> Mark:
    """What a row says, by our names of the columns. Raises `UsageError` that names the place."""
    name, label = row["file_name"].strip(), row["label"].strip()
    start, end = (read_seconds(where, column, row.get(column, "")) for column in ("start", "end"))
    if not name:
        raise UsageError(f"{where}: file_name is blank; fill it in or delete the row")
    if not label and (start is not None or end is not None):
        raise UsageError(
            f"{where}: label is blank; fill it in, or leave start and end blank for a file without"
        )
    who = row.get("annotator", "").strip()
    return Mark(
        where, name, label or None, start or 0.0, end, row.get("split", ""), row.get("group", ""), who
    )
