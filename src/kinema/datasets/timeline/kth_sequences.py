"""KTH's `00sequences.txt` as segments of its whole files, with the official split by people."""

from pathlib import Path

from .. import kth
from .assemble import Annotations, Mark

FPS = 25.0  # of all of KTH's films; the list counts their frames

detect = kth.detect


def read(root: Path, *, split: int | None = 1) -> Annotations:
    """The sequences of each file as segments of one class; between them the person is out of the picture.

    Raises `UsageError` where no video or no list of sequences is there.
    """
    parts = kth.scan(root, split=split)
    marks = []
    for record in parts.records:
        first, stop = record.frames or (0, None)
        marks.append(
            Mark(
                f"{kth.SEQUENCES} {record.id}",
                str(record.path),
                record.label,
                first / FPS,
                None if stop is None else stop / FPS,
                record.split or "",
                record.group or "",
            )
        )
    return Annotations("kth", root, root, marks, list(parts.warnings), kth.LABELS)
