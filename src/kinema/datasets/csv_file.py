"""The CSV layout: one row a video or a part of one, `file_name,label[,split,group,start,end]`."""

import csv
import hashlib
import io
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import UsageError
from ..types import VideoRecord
from ..urls import in_bucket
from .csv_header import COLUMNS, REQUIRED, read_header
from .dataset import Dataset, class_name, counted, natural, remark, shown_name
from .files import named_in
from .folder import SPLIT_FOLDERS
from .splits import infer_group
from .spool import RecordSpool


def scan(
    root: Path, *, split: int | None = None, found: Callable[[VideoRecord], None] | None = None
) -> Dataset:
    """Reads the CSV file `root`; `split` has no meaning here.

    `found` is told each record at once; who gives it keeps them, and the dataset has none.

    `file_name` is relative to the CSV's folder, or absolute. A row without a split, where others have one, is
    left out. A blank `group` is taken from the file name. `start` and `end` are seconds of video time; either
    may be blank. UTF-8, with or without a byte order mark. Raises `UsageError` that names the column or line.
    """
    folder = root.parent
    kept: list[VideoRecord] = []
    told = _Told(found or kept.append)
    rows = _Rows(root.name)
    # A row without a split counts if no row has one, which the last of them decides.
    undecided = RecordSpool()
    absent: list[str] = []
    warnings: list[str] = []
    for line, row in csv_rows(root, warnings):
        record = _record(root, folder, line, row)
        if not _there(record.path):
            absent.append(record.name)
        elif rows.is_new(line, record):
            later = record.split is None and "split" in row
            (undecided.append if later else told)(record)
    if told.number and undecided:
        warnings.append(f"{counted(len(undecided), 'row')} without a split left out: the other rows have one")
    else:
        for record in undecided:
            told(record)
    if rows.repeated:
        warnings.append(f"{counted(rows.repeated, 'repeated row')} left out")
    warnings += remark(absent, "listed video", "not on disk")
    if not told.number:
        raise UsageError(f"{root} names no video that exists; names are relative to {folder}, or absolute")
    return Dataset(
        layout="csv",
        root=root,
        labels=tuple(sorted(told.labels, key=natural)),
        records=tuple(kept),
        absent=tuple(dict.fromkeys(absent)),
        warnings=tuple(warnings),
        split_source=f"split column of {root.name}" if told.splits else "",
    )


class _Told:
    """Passes records on, and remembers what all of them are."""

    def __init__(self, tell: Callable[[VideoRecord], None]):
        self._tell = tell
        self.number, self.labels, self.splits = 0, set[str](), False

    def __call__(self, record: VideoRecord) -> None:
        self._tell(record)
        self.number += 1
        self.labels.add(record.label or "")
        self.splits |= record.split is not None


class _Rows:
    """What the rows so far have said of each video or part, in a quarter of a kilobyte each."""

    def __init__(self, file: str):
        self.file, self.repeated = file, 0
        self._seen: dict[bytes, tuple[int, str | None, str | None]] = {}
        self._labels: dict[str | None, str | None] = {}  # each text once

    def is_new(self, line: int, record: VideoRecord) -> bool:
        """Whether no row before is of the same video. Raises `UsageError` where one says otherwise of it."""
        place = os.fsencode(record.path) + b"\0" + record.part.encode()
        label = self._labels.setdefault(record.label, record.label)
        first, *said = self._seen.setdefault(
            hashlib.blake2b(place, digest_size=16).digest(), (line, label, record.split)
        )
        if said != [record.label, record.split]:
            raise UsageError(
                f"{self.file} lines {first} and {line} give '{record.name}' different labels or splits;"
                " keep one of them"
            )
        self.repeated += first != line
        return first == line


def csv_rows(
    path: Path, warnings: list[str], columns: Sequence[str] = COLUMNS
) -> Iterator[tuple[int, dict[str, str]]]:
    """(1-based number of the row's first line, {column: text}) for every row that is not blank."""
    with _opened(path) as file:
        yield from _rows(file, path.name, warnings, columns)


def text_rows(
    text: str, name: str, warnings: list[str], columns: Sequence[str] = COLUMNS
) -> Iterator[tuple[int, dict[str, str]]]:
    """`csv_rows` of the text of a file that messages call `name`."""
    return _rows(io.StringIO(text, newline=""), name, warnings, columns)


def _rows(
    lines: Iterable[str], name: str, warnings: list[str], columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(lines, strict=True)
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
    with _opened(path) as file:
        return file.read()


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
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
