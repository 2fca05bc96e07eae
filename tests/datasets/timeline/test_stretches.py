"""Parts of long files in which one class is on, or none."""

from __future__ import annotations

from pathlib import Path

from kinema.datasets.timeline import TimelineSet
from kinema.datasets.timeline.stretches import BACKGROUND, stretches
from kinema.types import Segment, VideoRecord

END = float("inf")


def parts(*segments: Segment) -> list[tuple[str | None, float | None, float | None]]:
    record = VideoRecord(Path("/v/a.mp4"), None, "g", "train")
    labels = tuple(sorted({s.label for s in segments}))
    found = stretches(TimelineSet("csv", Path("/v"), labels, (record,), marked={"a.mp4": segments}))
    assert found.labels == (*labels, BACKGROUND)
    assert all((r.path, r.group, r.split) == (record.path, "g", "train") for r in found.records)
    return [(r.label, r.start_seconds, r.end_seconds) for r in found.records]


def test_marks_and_what_lies_between_them_are_parts_of_one_class() -> None:
    assert parts(Segment("x", 1, 3), Segment("y", 5, 6)) == [
        (BACKGROUND, 0, 1), ("x", 1, 3), (BACKGROUND, 3, 5), ("y", 5, 6),
    ]  # fmt: skip


def test_two_classes_at_once_are_of_no_part() -> None:
    assert parts(Segment("x", 0, 4), Segment("y", 2, 6)) == [("x", 0, 2), ("y", 4, 6)]


def test_long_parts_are_cut_to_their_middle_and_short_ones_left_out() -> None:
    assert parts(Segment("x", 0, 10), Segment("y", 10.25, 11)) == [("x", 3.5, 6.5), ("y", 10.25, 11)]


def test_a_mark_up_to_the_end_of_the_file_gives_its_beginning() -> None:
    assert parts(Segment("x", 0, END)) == [("x", 0, 3)]


def test_a_file_without_marks_is_background() -> None:
    assert parts() == [(BACKGROUND, 0, 3)]
