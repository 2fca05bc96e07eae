"""THUMOS's text files: one a class, `CLASS_val.txt` and `CLASS_test.txt`, with lines `VIDEO START END`."""

import re
from pathlib import Path

from ...errors import UsageError
from ..dataset import counted
from ..files import read_lines
from .assemble import Annotations, Mark

_FILE = re.compile(r"(?P<label>.+)_(?P<part>val|test)\.txt", re.IGNORECASE)
_LINE = re.compile(r"(?P<video>\S+)\s+(?P<start>-?[\d.]+)\s+(?P<end>-?[\d.]+)")
AMBIGUOUS = "ambiguous"
# THUMOS trains on its validation videos: those of its training set are trimmed clips.
SPLITS = {"val": "train", "test": "test"}


def detect(root: Path) -> bool:
    """Whether text files of this form lie in `root` or in a folder of it."""
    return root.is_dir() and any(_is_list(path) for path in _texts(root))


def read(root: Path, *, split: int | None = None) -> Annotations:
    """All lists below `root`, whose videos lie anywhere below it. Raises `UsageError` that names the line.

    Files `Ambiguous_*.txt` hold what the annotators were not sure of: it is left out, and counted.
    """
    marks, unsure = [], 0
    for path in _texts(root):
        named = _FILE.fullmatch(path.name)
        if named is None or not _is_list(path):
            continue
        for where, text in read_lines(path):
            found = _LINE.fullmatch(text)
            if found is None:
                raise UsageError(f"{where}: expected 'VIDEO START END', got '{text}'; restore the file")
            if named["label"].lower() == AMBIGUOUS:
                unsure += 1
                continue
            start, end = float(found["start"]), float(found["end"])
            marks.append(
                Mark(where, found["video"], named["label"], start, end, SPLITS[named["part"].lower()])
            )
    warnings = [f"{counted(unsure, 'ambiguous segment')} left out"] if unsure else []
    return Annotations("thumos", root, root, marks, warnings)


def _texts(root: Path) -> list[Path]:
    return sorted(path for path in (*root.glob("*.txt"), *root.glob("*/*.txt")) if _FILE.fullmatch(path.name))


def _is_list(path: Path) -> bool:
    """Whether the first line is one of this form: UCF101's and HMDB51's lists have like names."""
    lines = read_lines(path)
    return bool(lines) and _LINE.fullmatch(lines[0][1]) is not None
