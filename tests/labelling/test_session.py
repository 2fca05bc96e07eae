"""One annotator's changes: what is no segment is refused, others' rows stay, training reads the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from kinema.datasets.timeline import load_timelines
from kinema.errors import UsageError
from kinema.labelling.label_file import Conflict, LabelFile
from kinema.labelling.session import Session, Span
from kinema.labelling.videos import videos_of

HEAD = "file_name,label,start,end"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("v2.mp4", "v10.avi", "sub/v1.mp4"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def session(folder: Path, annotator: str = "") -> Session:
    labels = folder / "labels.csv"
    return Session(videos_of(folder / "videos", labels), LabelFile(labels), annotator)


def lines(folder: Path) -> list[str]:
    return (folder / "labels.csv").read_text().splitlines()


def test_videos_are_in_natural_order_and_found_by_path_or_name(folder: Path) -> None:
    videos = videos_of(folder / "videos", folder / "labels.csv")
    assert [video.name for video in videos] == ["sub/v1.mp4", "v2.mp4", "v10.avi"]
    assert [video.written for video in videos][1] == "videos/v2.mp4"
    assert [videos.number(name) for name in ("videos/v2.mp4", "v10", "v10.avi", "else.mp4")] == [
        1,
        2,
        2,
        None,
    ]
    assert videos_of(folder / "videos/v2.mp4", folder / "a/labels.csv")[0].written.startswith("/")
    listed = folder / "list.csv"
    listed.write_text("file_name,label\nvideos/v10.avi,x\nabsent.mp4,y\n")
    assert [video.path.name for video in videos_of(listed, folder / "labels.csv")] == ["v10.avi"]
    (folder / "empty").mkdir()
    with pytest.raises(UsageError, match="no video"):
        videos_of(folder / "empty", folder / "labels.csv")


def test_changes_become_rows_that_training_reads(folder: Path) -> None:
    work = session(folder)
    work.edit(1, [], [Span("wave", 1, 2.0004), Span(" bow ", 1.5, None)])
    work.edit(0, [], [Span(None)])
    assert lines(folder) == [
        HEAD, "videos/v2.mp4,wave,1.000,2.000", "videos/v2.mp4,bow,1.500,", "videos/sub/v1.mp4,,,",
    ]  # fmt: skip
    assert len(load_timelines(folder / "labels.csv").records) == 2
    work.edit(1, [Span("wave", 1, 2)], [Span("wave", 1, 3)])
    assert lines(folder)[1] == "videos/v2.mp4,wave,1.000,3.000"
    facts = work.state()["rows"]
    assert [(row["file"], row["label"], row["mine"]) for row in facts] == [
        (1, "wave", True), (1, "bow", True), (0, None, True),
    ]  # fmt: skip


def test_nothing_and_segments_do_not_stand_beside_each_other(folder: Path) -> None:
    work = session(folder)
    work.edit(0, [], [Span(None)])
    work.edit(0, [], [Span("wave", 1, 2)])
    assert lines(folder)[1:] == ["videos/sub/v1.mp4,wave,1.000,2.000"]
    with pytest.raises(UsageError, match="1 segment; delete"):
        work.edit(0, [], [Span(None)])
    work.edit(0, [Span("wave", 1, 2)], [Span(None)])
    assert lines(folder)[1:] == ["videos/sub/v1.mp4,,,"]


@pytest.mark.parametrize(
    ("span", "what"),
    [
        (Span("wave", 2, 2), "ends before it starts"),
        (Span("wave", 3, 1), "ends before it starts"),
        (Span("wave", -1, 1), "ends before it starts"),
        (Span("wave", 60, 61), "outside sub/v1.mp4, which is 20.0 s long"),
        (Span("wave", 1, 61), "ends after sub/v1.mp4"),
        (Span("  ", 1, 2), "a class has a name"),
        (Span("a\nb", 1, 2), "a class has a name"),
        (Span("x" * 201, 1, 2), "a class has a name"),
    ],
)
def test_what_is_no_segment_of_the_video_is_refused(folder: Path, span: Span, what: str) -> None:
    work = session(folder)
    work.seconds[0] = 20.0
    with pytest.raises(UsageError, match=what):
        work.edit(0, [], [span])
    assert not (folder / "labels.csv").exists()
    work.edit(0, [], [Span("wave", 1, 20.3)])  # headers round
    with pytest.raises(UsageError, match="no video number 3"):
        work.number(3)


def test_rows_of_others_are_shown_and_stay(folder: Path) -> None:
    session(folder, "ann").edit(0, [], [Span("wave", 1, 2)])
    bob = session(folder, "bob")
    bob.edit(0, [], [Span("wave", 1.5, 3)])
    bob.edit(0, [Span("wave", 1, 2)], [])  # which is not bob's
    with pytest.raises(Conflict):
        bob.edit(0, [Span("wave", 1, 2)], [Span("bow", 1, 2)])
    assert lines(folder) == [
        HEAD + ",annotator",
        "videos/sub/v1.mp4,wave,1.000,2.000,ann",
        "videos/sub/v1.mp4,wave,1.500,3.000,bob",
    ]
    assert [row["mine"] for row in bob.state()["rows"]] == [False, True]


def test_a_file_keeps_its_spelling_its_split_and_its_group(folder: Path) -> None:
    (folder / "labels.csv").write_text(HEAD + ",split,group\nv2,wave,1,2,test,g7\n")
    work = session(folder)
    work.edit(1, [Span("wave", 1, 2)], [Span("wave", 1, 3), Span("bow", 5, 6)])
    assert lines(folder)[1:] == ["v2,wave,1.000,3.000,test,g7", "v2,bow,5.000,6.000,test,g7"]


def test_what_is_wrong_in_the_file_is_counted_and_kept(folder: Path) -> None:
    rows = ["v2.mp4,wave,5,3", "v2.mp4,wave,90,91", "other.mp4,wave,1,2"]
    (folder / "labels.csv").write_text("\n".join([HEAD, *rows, ""]))
    work = session(folder)
    work.seconds[1] = 20.0
    assert work.state()["warnings"] == [
        "1 file of the labels not among these videos; their rows are kept: other.mp4",
        "1 segment that end before they start: v2.mp4",
        "1 segment outside their file: v2.mp4",
    ]
    work.edit(0, [], [Span("wave", 1, 2)])
    assert lines(folder)[1:4] == rows
