"""Whole files with segments: what counts as true, lengths, splits, and what cannot be trained on."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.datasets.timeline import TimelineSet, check_timelines, ensure_timeline_split
from kinema.datasets.timeline.timeline_set import agreed, joined
from kinema.errors import UsageError
from kinema.types import Segment, VideoRecord

times = st.integers(0, 30)
span_lists = st.lists(st.tuples(times, times).filter(lambda s: s[0] < s[1]), max_size=6)


def covered(spans: list[tuple[int, int]]) -> list[bool]:
    """The slow way: whether each half second is inside."""
    return [any(start <= moment + 0.25 < end for start, end in spans) for moment in range(32)]


@given(span_lists)
def test_joined_covers_the_same_moments_without_overlaps(spans: list[tuple[int, int]]) -> None:
    found = joined(spans)
    assert covered(found) == covered(spans)  # type: ignore[arg-type]
    assert all(a[1] < b[0] for a, b in pairwise(found))


@given(st.lists(span_lists, min_size=1, max_size=4))
def test_agreed_is_the_majority_of_every_moment(lists: list[list[tuple[int, int]]]) -> None:
    of_each = [joined(spans) for spans in lists]
    votes = [sum(own) for own in zip(*(covered(s) for s in of_each), strict=True)]  # type: ignore[arg-type]
    assert covered(agreed(of_each)) == [2 * v > len(lists) for v in votes]  # type: ignore[arg-type]


def data(
    segments: dict[str, list[Segment]], groups: dict[str, str] | None = None, **splits: str
) -> TimelineSet:
    records = tuple(
        VideoRecord(Path(f"/v/{n}"), None, (groups or {}).get(n), splits.get(n), name=n) for n in segments
    )
    labels = tuple(sorted({s.label for own in segments.values() for s in own}))
    return TimelineSet(
        "csv", Path("/v/s.csv"), labels, records, marked={n: tuple(s) for n, s in segments.items()}
    )


def test_segments_are_cut_to_their_files_and_those_outside_are_counted() -> None:
    marks = {
        "a": [Segment("x", 1, 3), Segment("x", 8, 12), Segment("y", 20, 21), Segment("y", 9, float("inf"))]
    }
    found = data(marks | {"b": [Segment("x", 50, 60)]}).fitted({"a": 10.0})
    assert [(s.start_seconds, s.end_seconds) for s in found.marked["a"]] == [(1, 3), (8, 10), (9, 10)]
    assert found.marked["b"] == (Segment("x", 50, 60),)  # of no known length
    assert found.warnings == (
        "1 segment outside their file, left out: in a",
        "1 segment longer than their file, cut at its end: in a",
    )


def test_a_split_is_of_whole_groups_and_leaves_every_class_in_train() -> None:
    marks = {
        f"g{n}_{k}": [Segment("x", 1, 2), Segment("y" if n % 2 else "z", 3, 4)]
        for n in range(8)
        for k in "ab"
    }
    found = ensure_timeline_split(data(marks, {n: n[:2] for n in marks}), seed=1)
    split_of: dict[str, set[str | None]] = {}
    for record in found.records:
        split_of.setdefault(record.group or "", set()).add(record.split)
    assert all(len(own) == 1 for own in split_of.values())
    assert check_timelines(found) == []
    assert 0.1 < len(found.part("test")) / len(found.records) < 0.5
    assert found.split_source.startswith("made by group (8 groups")
    assert ensure_timeline_split(found, seed=2) is found


def test_what_cannot_be_split_or_trained_on_is_refused_with_the_cure() -> None:
    one = [Segment("x", 1, 2)]
    with pytest.raises(UsageError, match="two files or more"):
        ensure_timeline_split(data({"a": one}))
    with pytest.raises(UsageError, match="marks no segment"):
        check_timelines(data({"a": [], "b": []}, a="train", b="test"))
    with pytest.raises(UsageError, match="no file of the test split"):
        check_timelines(data({"a": one, "b": []}, a="train", b="test"))
    with pytest.raises(UsageError, match="'y' of the test split has no training segments"):
        check_timelines(data({"a": one, "b": [Segment("y", 1, 2)]}, a="train", b="test"))
    warned = check_timelines(data({"a": one, "b": one}, a="train", b="test"))
    assert warned == ["1 class with fewer than 5 segments to learn from: x"]
