"""One annotator's work on the labels of some videos: what is shown, and what may be changed."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..datasets.dataset import class_name, counted, remark
from ..errors import UsageError
from .label_file import LabelFile
from .table import Labelled, Table
from .videos import LabelVideos

LONGEST_LABEL = 200
# What an end may lie beyond its file's: times are rounded, and headers too.
SLACK = 0.5


@dataclass(frozen=True, slots=True)
class Span:
    """A segment of one video as the page has it.

    `label` None is "nothing in this file", `end` None is the end of the file.
    """

    label: str | None
    start: float = 0.0
    end: float | None = None


class Session:
    """`annotator` may change rows of that name alone; what others marked is shown and stays."""

    def __init__(self, videos: LabelVideos, labels: LabelFile, annotator: str = ""):
        self.videos, self.labels, self.annotator = videos, labels, annotator.strip()
        self.seconds: dict[int, float] = {}  # of the videos whose length is known

    def state(self) -> dict[str, Any]:
        """All rows, by the number of their video, and what is to be told about them."""
        table = self.labels.table()
        outside = self.labels.outside
        return {
            "version": self.labels.version,
            "rows": [facts for row in table.labelled if (facts := self._facts(row)) is not None],
            "warnings": self.warnings(table),
            "outside": None
            if outside is None
            else {
                "number": outside.number,
                "gained": outside.gained,
                "lost": [facts for row in outside.lost if (facts := self._facts(row)) is not None],
                "kept": outside.kept,
            },
        }

    def edit(self, number: int, remove: Sequence[Span], add: Sequence[Span]) -> None:
        """Change the segments of one video, all of it or nothing.

        A first segment takes the place of "nothing in this file". Raises `UsageError` for what is no segment
        of that video, and `Conflict` and `NotSaved` as `LabelFile.change` does.
        """
        rows = [row for row in self.labels.table().labelled if self.videos.number(row.file) == number]
        own = [row for row in rows if row.annotator == self.annotator]
        written = rows[0].file if rows else self.videos[number].written
        gone = [_standing(self._row(written, span), own) for span in remove]
        new = [self._checked(number, self._row(written, span)) for span in add]
        left = [row for row in own if row not in gone]
        marked = [row for row in new if row.label is not None]
        if marked:
            gone += [row for row in left if row.label is None and row not in gone]
        if len(marked) < len(new):
            standing = sum(row.label is not None for row in left) + len(marked)
            if standing:
                raise UsageError(
                    f"{self.videos[number].name} has {counted(standing, 'segment')}; delete them first"
                    " if there is nothing in it"
                )
        self.labels.change(gone, new)

    def warnings(self, table: Table) -> list[str]:
        """What readers of the file leave out or cut, counted and named."""
        own = [(self.videos.number(row.file), row) for row in table.labelled]
        strangers = dict.fromkeys(row.file for number, row in own if number is None)
        backwards = [row.file for _, row in own if row.backwards]
        outside = [
            row.file
            for number, row in own
            if row.label is not None and number in self.seconds and row.start >= self.seconds[number]
        ]
        return [
            *remark(list(strangers), "file", "of the labels not among these videos; their rows are kept"),
            *remark(backwards, "segment", "that end before they start"),
            *remark(outside, "segment", "outside their file"),
        ]

    def number(self, number: int) -> int:
        """The number, where there is such a video. Raises `UsageError`."""
        if not 0 <= number < len(self.videos):
            raise UsageError(f"there is no video number {number}; reload the page")
        return number

    def _facts(self, row: Labelled) -> dict[str, Any] | None:
        number = self.videos.number(row.file)
        if number is None:
            return None
        return {
            "file": number,
            "label": row.label,
            "start": row.start,
            "end": row.end,
            "annotator": row.annotator,
            "mine": row.annotator == self.annotator,
        }

    def _row(self, written: str, span: Span) -> Labelled:
        if span.label is None:
            return Labelled(written, None, annotator=self.annotator)
        end = None if span.end is None else round(span.end, 3)
        return Labelled(written, class_name(span.label.strip()), round(span.start, 3), end, self.annotator)

    def _checked(self, number: int, row: Labelled) -> Labelled:
        if row.label is None:
            return row
        name = self.videos[number].name
        if not row.label or len(row.label) > LONGEST_LABEL or _control(row.label):
            raise UsageError(f"a class has a name of 1 to {LONGEST_LABEL} letters on one line; give it one")
        if row.start < 0 or row.backwards:
            raise UsageError(f"this segment of {name} ends before it starts; move one of its borders")
        length = self.seconds.get(number)
        if length is not None and row.start >= length:
            raise UsageError(f"this segment lies outside {name}, which is {length:.1f} s long; move it")
        if length is not None and row.end is not None and row.end > length + SLACK:
            raise UsageError(f"this segment ends after {name}, which is {length:.1f} s long; move its end")
        return row


def _standing(row: Labelled, own: Iterable[Labelled]) -> Labelled:
    """The row as it stands among `own`: the file may call one video by several names."""
    same = (one for one in own if (one.label, one.start, one.end) == (row.label, row.start, row.end))
    return next(same, row)


def _control(text: str) -> bool:
    return any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in text)
