"""A label file that is edited keeps what it held: columns, order, the text of rows that nobody touched."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.datasets.timeline import load_timelines
from kinema.errors import UsageError
from kinema.labelling.table import Labelled, Table

TEXT = 'Video,action,begin,end,split,mood\na.mp4,wave,1.50,2,train,"good, bad"\nb.mp4,,,,test,\n'
names = st.text("abc é,\"'", min_size=1, max_size=6).map(str.strip).filter(bool)
rows = st.builds(
    lambda file, label, start, length: Labelled(file, label, round(start, 3), round(start + length, 3)),
    names.map(lambda name: name + ".mp4"), names, st.floats(0, 1e5), st.floats(0.01, 100),
)  # fmt: skip


def parsed(text: str) -> Table:
    return Table.parse(text.encode(), "labels.csv")


def test_untouched_rows_and_columns_stay_as_they_are() -> None:
    table = parsed(TEXT).changed([], [Labelled("a.mp4", "bow", 3, 4)])
    assert table.encoded().decode() == TEXT + "a.mp4,bow,3.000,4.000,train,\n"
    assert table.changed([Labelled("a.mp4", "bow", 3, 4)], []).encoded().decode() == TEXT


def test_a_new_row_stands_where_the_old_one_stood() -> None:
    table = parsed(TEXT)
    moved = table.changed([Labelled("a.mp4", "wave", 1.5, 2)], [Labelled("a.mp4", "wave", 1, 2)])
    assert [row.start for row in moved.labelled] == [1, 0]
    with pytest.raises(KeyError):
        moved.changed([Labelled("a.mp4", "wave", 1.5, 2)], [])


def test_a_column_is_added_where_it_is_needed() -> None:
    table = parsed("file_name,label\na.mp4,wave\n").changed([], [Labelled("a.mp4", "bow", 1, 2, "ann")])
    lines = table.encoded().decode().splitlines()
    assert lines == ["file_name,label,start,end,annotator", "a.mp4,wave,,,", "a.mp4,bow,1.000,2.000,ann"]
    assert table.labelled[0] == Labelled("a.mp4", "wave", 0, None)


@settings(max_examples=30)
@given(st.lists(rows, max_size=8, unique=True), st.data())
def test_what_is_written_is_read_back_by_a_csv_reader(found: list[Labelled], data: st.DataObject) -> None:
    gone = data.draw(st.lists(st.sampled_from(found), unique=True)) if found else []
    table = Table.empty().changed([], found).changed(gone, [])
    again = Table.parse(table.encoded(), "x.csv")
    assert again.labelled == tuple(row for row in found if row not in gone)
    read = list(csv.DictReader(io.StringIO(table.encoded().decode())))
    assert [(row["file_name"], float(row["start"])) for row in read] == [
        (row.file, row.start) for row in again.labelled
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("file_name,label,start,end\na.mp4,wave,x,2\n", "line 2: start 'x' is no number"),
        ("file_name,label,start,end\na.mp4,,1,2\n", "line 2: label is blank"),
        ("file_name,label\na.mp4\n", "line 2: 1 field"),
        ("what,ever\n", "no column 'file_name'"),
        ("", "no column 'file_name'"),
    ],
)
def test_what_is_no_file_of_segments_is_refused_by_line(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        parsed(text)
    with pytest.raises(UsageError, match="UTF-8"):
        Table.parse(b"\xff\xfe", "labels.csv")


def test_a_byte_order_mark_stays() -> None:
    data = "\ufefffile_name,label,start,end\na.mp4,wave,1,2\n".encode()
    assert Table.parse(data, "labels.csv").encoded() == data


def test_training_reads_it(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    table = Table.empty().changed(
        [], [Labelled("a.mp4", "wave", 1.25, 2.5), Labelled("b.mp4", None), Labelled("a.mp4", "bow", 2, None)]
    )
    (tmp_path / "labels.csv").write_bytes(table.encoded())
    found = load_timelines(tmp_path / "labels.csv")
    first, second = found.records
    assert [(s.label, s.start_seconds, s.end_seconds) for s in found.segments(first)] == [
        ("wave", 1.25, 2.5), ("bow", 2.0, float("inf")),
    ]  # fmt: skip
    assert found.segments(second) == ()
