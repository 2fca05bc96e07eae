"""Several people's labels as one file: whose is whose, nothing lost, contradictions named by the reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinema.datasets.timeline import load_timelines
from kinema.errors import UsageError
from kinema.labelling.merge import merge

HEAD = "file_name,label,start,end\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "videos").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "videos" / name).write_bytes(b"x")
    return tmp_path


def test_rows_are_followed_and_named_after_who_marked_them(folder: Path) -> None:
    ann, bob = folder / "videos" / "ann.csv", folder / "bob.csv"
    ann.write_text(HEAD + "a.mp4,wave,1,5\nb.mp4,,,\n")
    bob.write_text(
        "file_name,label,start,end,group,annotator\nvideos/a.mp4,wave,2,6,g1,\nvideos/a.mp4,bow,8,9,g1,eve\n"
    )
    out = folder / "all.csv"
    found = merge([ann, bob], out)
    assert (found.rows, found.videos) == ({"ann": 2, "bob": 1, "eve": 1}, 2)
    assert out.read_text().splitlines() == [
        "file_name,label,start,end,group,annotator",
        "videos/a.mp4,wave,1.000,5.000,g1,ann",
        "videos/b.mp4,,,,,ann",
        "videos/a.mp4,wave,2.000,6.000,g1,bob",
        "videos/a.mp4,bow,8.000,9.000,g1,eve",
    ]
    read = load_timelines(out)
    assert [(s.label, s.start_seconds, s.end_seconds) for s in read.segments(read.records[0])] == [
        ("wave", 2, 5)
    ]


def test_those_who_contradict_each_other_are_named(folder: Path) -> None:
    for name, row in (("ann", "wave,1,5"), ("bob", "wave,6,9")):
        (folder / f"{name}.csv").write_text(HEAD + f"videos/a.mp4,{row}\n")
    found = merge([folder / "ann.csv", folder / "bob.csv"], folder / "all.csv")
    assert [text for text in found.warnings if "annotators agree" in text] == [
        "1 file whose annotators agree on less than 50% of what any of them marked: videos/a.mp4 (0%)"
    ]


def test_merging_again_changes_nothing(folder: Path) -> None:
    for name in ("ann", "bob"):
        (folder / f"{name}.csv").write_text(HEAD + "videos/a.mp4,wave,1,5\n")
    out = folder / "all.csv"
    merge([folder / "ann.csv", folder / "bob.csv"], out)
    before = out.read_bytes()
    merge([out, folder / "ann.csv", folder / "bob.csv"], out)
    assert out.read_bytes() == before


def test_what_cannot_be_merged_is_refused_and_writes_nothing(folder: Path) -> None:
    ann, bob, out = folder / "ann.csv", folder / "bob.csv", folder / "all.csv"
    head = "file_name,label,start,end,split\n"
    ann.write_text(head + "videos/a.mp4,wave,1,5,train\n")
    bob.write_text(head + "videos/a.mp4,wave,1,5,test\n")
    with pytest.raises(UsageError, match="two values of split, 'train' and 'test'"):
        merge([ann, bob], out)
    with pytest.raises(UsageError, match="given twice"):
        merge([ann, ann], out)
    (folder / "videos" / "ann.csv").write_text(head)
    with pytest.raises(UsageError, match="two files are called ann"):
        merge([ann, folder / "videos" / "ann.csv"], out)
    bob.write_text("nonsense\n")
    with pytest.raises(UsageError, match="no column"):
        merge([ann, bob], out)
    assert not out.exists()
    out.write_text("precious")
    bob.write_text(head + "videos/b.mp4,wave,1,5,test\n")
    with pytest.raises(UsageError, match="is there already"):
        merge([ann, bob], out)
    assert out.read_text() == "precious"
