"""The first line of a CSV file: which column is which, by our names or by other common ones."""

import re
from collections.abc import Sequence

from ..errors import UsageError
from .dataset import some

REQUIRED = ("file_name", "label")
COLUMNS = (*REQUIRED, "split", "group", "start", "end")
FORMAT = "file_name,label[,split,group,start,end]"

_OTHER_NAMES = {
    "file_name": "file filename file_path filepath path video video_file video_name video_path clip",
    "label": "action activity category class class_name target",
    "split": "partition subset",
    "group": "actor person scene subject",
    "start": "begin start_seconds start_time",
    "annotator": "coder labeller observer rater",
    "end": "end_seconds end_time stop",
}
ALIASES = {alias: column for column, names in _OTHER_NAMES.items() for alias in names.split()}


def read_header(
    name: str, fields: Sequence[str], warnings: list[str], columns: Sequence[str] = COLUMNS
) -> list[str]:
    """The columns of the file `name` by our names, in order; those that mean nothing here as they are.

    `columns` are those that have a meaning to the caller.

    What was read under another name, and what is ignored, is added to `warnings`. Raises `UsageError` where a
    required column is absent, or where two could be the same one.
    """
    header = [re.sub(r"[\s-]+", "_", field.strip().lower()) for field in fields]
    twice = sorted({c for c in header if header.count(c) > 1})
    if twice:
        raise UsageError(f"{name} has column '{twice[0]}' twice; keep one of them")
    renamed = _renamed(name, header)
    for column in REQUIRED:
        if column not in renamed:
            raise UsageError(f"{name} has no column '{column}'; its first line must be {FORMAT}")
    taken = [f"{old} as {new}" for old, new in zip(header, renamed, strict=True) if old != new]
    if taken:
        warnings.append(f"columns of {name} read by other names: {', '.join(taken)}")
    unknown = [c for c in renamed if c not in columns]
    if unknown:
        cure = "; rename fold to split if it holds train, val and test" if "fold" in unknown else ""
        warnings.append(f"unknown columns of {name} ignored: {some(unknown)}{cure}")
    return renamed


def _renamed(name: str, header: Sequence[str]) -> list[str]:
    """Other names by ours, where ours are not there."""
    meant: dict[str, list[str]] = {}
    for column in header:
        if ALIASES.get(column, column) not in header:
            meant.setdefault(ALIASES.get(column, column), []).append(column)
    for ours, candidates in meant.items():
        if len(candidates) > 1:
            both = " and ".join(f"'{c}'" for c in candidates)
            raise UsageError(f"{name}: {both} could both be {ours}; rename the one that is to {ours}")
    found = {candidates[0]: ours for ours, candidates in meant.items()}
    return [found.get(column, column) for column in header]
