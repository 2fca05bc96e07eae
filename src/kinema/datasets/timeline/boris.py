"""BORIS's exports as CSV: aggregated events (a row a behaviour with start and stop) and tabular events."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...errors import UsageError
from ..csv_file import read_seconds, read_text
from ..dataset import counted
from .assemble import Annotations, Mark

# By their beginnings, lower case: names differ a little from version to version.
_COLUMNS = {
    "file": ("media file name", "media file path", "media file"),
    "label": ("behavior",),
    "type": ("behavior type", "status"),
    "start": ("start (s)",),
    "stop": ("stop (s)",),
    "time": ("time",),
    "subject": ("subject",),
    "observation": ("observation id",),
}
START, STOP, POINT = "start", "stop", "point"


def detect(root: Path) -> bool:
    """Whether `root` is a CSV file whose header is BORIS's."""
    if not root.is_file() or root.suffix.lower() not in (".csv", ".tsv"):
        return False
    return _header(read_text(root)) is not None


def read(root: Path, *, split: int | None = None) -> Annotations:
    """Behaviours by their videos. Point events have no duration: they are left out, and counted.

    Of tabular events, each START is paired with the next STOP of the same behaviour, subject and observation.
    Raises `UsageError` that names the line.
    """
    text = read_text(root)
    found = _header(text)
    if found is None:
        raise UsageError(f"{root} is no export of BORIS's; export aggregated or tabular events as CSV")
    columns, dialect, lines = found
    rows = [
        (f"{root.name} line {line}", _row(columns, fields))
        for line, fields in _fields(text, dialect)
        if line > lines and any(field.strip() for field in fields)
    ]
    points = sum(row["type"].lower() == POINT for _, row in rows)
    states = [(where, row) for where, row in rows if row["type"].lower() != POINT]
    marks = list(_aggregated(states) if "start" in columns else _paired(states))
    warnings = [f"{counted(points, 'point event')} without a duration left out"] if points else []
    return Annotations("boris", root, root.parent, marks, warnings)


def _header(text: str) -> tuple[dict[str, int], str, int] | None:
    """Our columns with their places, the delimiter, the header's line; None where it is not BORIS's."""
    for delimiter in (",", "\t", ";"):
        for line, fields in _fields(text, delimiter):
            names = [field.strip().lower() for field in fields]
            places = {
                ours: names.index(name)
                for ours, known in _COLUMNS.items()
                for name in reversed(known)
                if name in names
            }
            times = {"start", "stop"} <= places.keys() or {"time", "type"} <= places.keys()
            if {"file", "label"} <= places.keys() and times:
                return places, delimiter, line
            if line > 40:  # old exports describe the observation first
                break
    return None


def _fields(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for fields in reader:
        yield reader.line_num, fields


def _row(columns: Mapping[str, int], fields: list[str]) -> dict[str, str]:
    row = {name: fields[at].strip() if at < len(fields) else "" for name, at in columns.items()}
    return dict.fromkeys(_COLUMNS, "") | row


def _aggregated(rows: list[tuple[str, dict[str, str]]]) -> Iterator[Mark]:
    for where, row in rows:
        start, stop = (_seconds(where, row[side]) for side in ("start", "stop"))
        yield Mark(where, row["file"], row["label"], start, stop)


def _paired(rows: list[tuple[str, dict[str, str]]]) -> Iterator[Mark]:
    open_since: dict[tuple[str, ...], tuple[str, float]] = {}
    for where, row in rows:
        key = tuple(row[part] for part in ("observation", "file", "subject", "label"))
        seconds = _seconds(where, row["time"])
        if row["type"].lower() == START:
            open_since[key] = where, seconds
        elif row["type"].lower() == STOP:
            if key not in open_since:
                raise UsageError(f"{where}: '{row['label']}' stops without a start; check it in BORIS")
            _, start = open_since.pop(key)
            yield Mark(where, row["file"], row["label"], start, seconds)
    for (_, file, _, label), (where, start) in open_since.items():
        yield Mark(where, file, label, start, None)


def _seconds(where: str, text: str) -> float:
    value = read_seconds(where, "time", text)
    if value is None:
        raise UsageError(f"{where}: a time is blank; check it in BORIS")
    return value
