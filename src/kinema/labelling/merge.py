"""Several people's label files as one, with who marked what."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..atomic import atomic_open
from ..datasets.timeline.assemble import assemble
from ..datasets.timeline.csv_segments import parsed
from ..errors import UsageError
from .table import Labelled, Table, cells_of

COLUMNS = ("file_name", "label", "start", "end", "split", "group", "annotator")


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge found: rows of each annotator, and what the reader says of the whole."""

    rows: dict[str, int]
    videos: int
    warnings: tuple[str, ...]


def merge(files: Sequence[Path], out: Path) -> Merged:
    """Write the rows of all `files` to `out`, each once; names of videos are followed from where each lies.

    A row without an annotator is given its file's name. Nothing is decided between those who differ: the
    reader takes what more than half of them marked, and names the files in which they contradict each other.
    Raises `UsageError` where a file cannot be read, two files would be one annotator, one file has two
    splits or groups, or `out` is there and is not among the files.
    """
    places = [Path(os.path.realpath(path)) for path in files]
    if len(set(places)) < len(places):
        raise UsageError("a file is given twice; name each once")
    if out.exists() and Path(os.path.realpath(out)) not in places:
        raise UsageError(f"{out} is there already; name it among the files to merge, or write to another")
    people = _people(files)
    rows: dict[Labelled, dict[str, str]] = {}
    for path, who in zip(files, people, strict=True):
        table = _read(path)
        for row, cells in zip(table.labelled, table.rows, strict=True):
            whole = replace(row, file=_from(row.file, path, out), annotator=row.annotator or who)
            rows.setdefault(whole, dict(zip(table.columns, cells, strict=True)))
    merged = _table(rows)
    data = merged.encoded()
    found = assemble(parsed(out, data.decode("utf-8")))
    with atomic_open(out, "wb") as file:
        file.write(data)
    counts = Counter(row.annotator for row in rows)
    return Merged(dict(counts), len(found.records), found.warnings)


def _people(files: Sequence[Path]) -> list[str]:
    names = [path.stem for path in files]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise UsageError(f"two files are called {twice[0]}; rename one, so that it is known who marked what")
    return names


def _read(path: Path) -> Table:
    try:
        return Table.parse(path.read_bytes(), path.name)
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror}); check its path and rights") from None


def _from(named: str, labels: Path, out: Path) -> str:
    """What the merged file calls a video that `labels` calls `named`; a bare name that is no path stays."""
    path = Path(os.path.normpath(labels.absolute().parent / named))
    if not path.is_file():
        return named
    try:
        return path.relative_to(out.absolute().parent).as_posix()
    except ValueError:
        return path.as_posix()


def _table(rows: dict[Labelled, dict[str, str]]) -> Table:
    """All rows in the plain form; split and group are those of the row that is first of its file."""
    known: dict[str, dict[str, str]] = {}
    for row, cells in rows.items():
        own = known.setdefault(row.file, {"split": "", "group": ""})
        for name in own:
            said = cells.get(name, "").strip()
            if said and own[name] and said != own[name]:
                raise UsageError(
                    f"'{row.file}' has two values of {name}, '{own[name]}' and '{said}';"
                    " a file is never split, so give all its rows one"
                )
            own[name] = own[name] or said
    lines = [tuple({**known[row.file], **cells_of(row)}[name] for name in COLUMNS) for row in rows]
    used = [name for i, name in enumerate(COLUMNS) if i < 4 or any(line[i] for line in lines)]
    kept = tuple(tuple(line[COLUMNS.index(name)] for name in used) for line in lines)
    return Table(tuple(used), tuple(used), kept)
