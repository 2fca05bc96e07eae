"""What a run has seen: the videos that it was trained and validated on, remembered by their content.

A renamed or copied file is recognised; so is a part that overlaps one that was trained on.
"""

import csv
import re
from collections.abc import Iterable
from pathlib import Path

from ..atomic import atomic_open
from ..types import VideoRecord

FILE = "training_videos.csv"
FIELDS = ("name", "part", "label", "split", "group", "content")
_PART = re.compile(r"(frames|seconds) ([\d.e+-]+?)-([\d.e+-]*)")


def write_seen(folder: Path, records: Iterable[VideoRecord]) -> None:
    """Write the training and validation videos among `records` into the run's folder."""
    with atomic_open(folder / FILE, newline="") as file:
        rows = csv.writer(file)
        rows.writerow(FIELDS)
        for r in records:
            if r.split in ("train", "val"):
                rows.writerow([r.name, r.part, r.label or "", r.split, r.group or "", r.content or ""])


class Seen:
    """The videos that a run has seen. `known` is False where the run does not say which they are."""

    def __init__(self, run: Path):
        self._parts: dict[str, list[VideoRecord]] = {}
        try:
            with open(run / FILE, newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    self._parts.setdefault(row["content"], []).append(_record(row["name"], row["part"]))
            self.known = True
        except (OSError, ValueError, KeyError, TypeError, csv.Error):
            self.known = False

    def __contains__(self, record: VideoRecord) -> bool:
        """Whether the run has seen a moment of this video; False where its content is not known."""
        return any(record.overlaps(part) for part in self._parts.get(record.content or "?", ()))


def _record(name: str, part: str) -> VideoRecord:
    found = _PART.fullmatch(part)
    if found is None:
        return VideoRecord(Path(name))
    unit, start, end = found.groups()
    if unit == "frames":
        return VideoRecord(Path(name), frames=(int(start), int(end)))
    return VideoRecord(Path(name), start_seconds=float(start), end_seconds=float(end) if end else None)
