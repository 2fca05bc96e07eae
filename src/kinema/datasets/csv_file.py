"""The CSV layout: one row a video or a part of one, `file_name,label[,split,group,start,end]`."""

import csv
import io
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..errors import UsageError
from ..types import VideoRecord
from ..urls import in_bucket
from .csv_header import COLUMNS, REQUIRED, read_header
from .dataset import Dataset, class_name, counted, present_labels, remark, shown_name
from .files import named_in
from .folder import SPLIT_FOLDERS
from .splits import infer_group


def scan(
    root: Path, *, split: int | None = None, found: Callable[[VideoRecord], None] = lambda record: None
) -> Dataset:
    """Reads the CSV file `root`; `split` has no meaning here. `found` is told each record.

    `file_name` is relative to the CSV's folder, or absolute. A row without a split, where others have one, is
    left out. A blank `group` is taken from the file name. `start` and `end` are seconds of video time; either
    may be blank. UTF-8, with or without a byte order mark. Raises `UsageError` that names the column or line.
    """
    folder = root.parent
    records: dict[tuple[str, str], tuple[int, VideoRecord]] = {}
    absent: list[str] = []
    warnings: list[str] = []
    repeated, split_column = 0, False
    for line, row in csv_rows(root, warnings):
        record, split_column = _record(root, folder, line, row), "split" in row
        if not _there(record.path):
            absent.append(record.name)
            continue
        first = records.setdefault((str(record.path), record.part), (line, record))
        repeated += first[0] != line
        # A row without a split counts if no row has one, which the last of them decides.
        if first[0] == line and (record.split is not None or "split" not in row):
            found(record)
        if (first[1].label, first[1].split) != (record.label, record.split):
            raise UsageError(
                f"{root.name} lines {first[0]} and {line} give '{record.name}' different labels or splits;"
                " keep one of them"
            )
    kept = [r for _, r in records.values()]
    unused = sum(r.split is None for r in kept)
    if unused and unused < len(kept):
        warnings.append(f"{counted(unused, 'row')} without a split left out: the other rows have one")
        kept = [r for r in kept if r.split is not None]
    if repeated:
        warnings.append(f"{counted(repeated, 'repeated row')} left out")
    warnings += remark(absent, "listed video", "not on disk")
    if not kept:
        raise UsageError(f"{root} names no video that exists; names are relative to {folder}, or absolute")
    if not kept[0].split and split_column:
        for record in kept:
            found(record)
    return Dataset(
        layout="csv",
        root=root,
        labels=present_labels(kept),
        records=tuple(kept),
        absent=tuple(dict.fromkeys(absent)),
        warnings=tuple(warnings),
        split_source=f"split column of {root.name}" if kept[0].split else "",
    )


def csv_rows(
    path: Path, warnings: list[str], columns: Sequence[str] = COLUMNS
) -> Iterator[tuple[int, dict[str, str]]]:
    """(1-based number of the row's first line, {column: text}) for every row that is not blank."""
    yield from text_rows(read_text(path), path.name, warnings, columns)


def text_rows(
    text: str, name: str, warnings: list[str], columns: Sequence[str] = COLUMNS
) -> Iterator[tuple[int, dict[str, str]]]:
    """`csv_rows` of the text of a file that messages call `name`."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = read_header(name, next(reader, []), warnings, columns)
        line = reader.line_num + 1
        for fields in reader:
            if any(field.strip() for field in fields):
                if len(fields) != len(header):
                    raise UsageError(
                        f"{name} line {line}: {counted(len(fields), 'field')} where the header has"
                        f" {len(header)}; put names with commas in double quotes"
                    )
                yield line, dict(zip(header, fields, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(f"{name} line {reader.line_num}: {error}; check its quotes") from None


def read_text(path: Path) -> str:
    """The text of a CSV file. Raises `UsageError` where it is not UTF-8 or cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; save it as CSV UTF-8") from None
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror}); check its path and rights") from None


def _there(path: Path) -> bool:
    """Whether something has this name; a link that leads nowhere is found out when it is read."""
    return path.is_file() if in_bucket(path) else os.path.lexists(path)


def _record(path: Path, folder: Path, line: int, row: dict[str, str]) -> VideoRecord:
    where = f"{path.name} line {line}"
    for column in REQUIRED:
        if not row[column].strip():
            raise UsageError(f"{where}: {column} is blank; fill it in or delete the row")
    video = named_in(folder, row["file_name"])
    name = shown_name(video, folder)
    start, end = (read_seconds(where, column, row.get(column, "")) for column in ("start", "end"))
    if end is not None and end <= (start or 0.0):
        raise UsageError(
            f"{where}: end {end:g} is not after start {start or 0:g}; give seconds, start before end"
        )
    split = row.get("split", "").strip().lower()
    if split and split not in SPLIT_FOLDERS:
        raise UsageError(f"{where}: unknown split '{row['split'].strip()}'; use train, val or test")
    return VideoRecord(
        path=video,
        label=class_name(row["label"].strip()),
        group=row.get("group", "").strip() or infer_group(name),
        split=SPLIT_FOLDERS[split] if split else None,
        start_seconds=start,
        end_seconds=end,
        name=name,
    )


def read_seconds(where: str, column: str, text: str) -> float | None:
    """A number of seconds, None where it is blank. Raises `UsageError` for what is none."""
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise UsageError(f"{where}: {column} '{text.strip()}' is no number of seconds; write it like 12.5")
    return value
