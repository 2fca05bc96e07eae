"""Segments as CSV, one a row: `file_name,label,start,end[,split,group,annotator]`."""

from pathlib import Path

from ...errors import UsageError
from ..csv_file import csv_rows, read_seconds
from ..csv_header import COLUMNS
from .assemble import Annotations, Mark


def detect(root: Path) -> bool:
    """Whether `root` is a CSV file."""
    return root.is_file() and root.suffix.lower() == ".csv"


def read(root: Path, *, split: int | None = None) -> Annotations:
    """Seconds of the file's time; a blank start is 0, a blank end the end of the file.

    A row with neither label nor times says that somebody looked at the file and found nothing. Rows of
    several annotators differ in `annotator`. Raises `UsageError` that names the line.
    """
    warnings: list[str] = []
    marks = [
        _mark(f"{root.name} line {line}", row)
        for line, row in csv_rows(root, warnings, (*COLUMNS, "annotator"))
    ]
    return Annotations("csv", root, root.parent, marks, warnings)


def _mark(where: str, row: dict[str, str]) -> Mark:
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
