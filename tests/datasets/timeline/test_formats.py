"""Every annotation format, written by hand as its programs write it, and what is wrong in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinema.datasets.timeline import FORMATS, TimelineSet, elan, load_timelines
from kinema.errors import UsageError
from kinema.types import Segment

Spans = list[tuple[str, float, float]]


def folder(root: Path, **files: str) -> Path:
    """Text files by name (`__` is a dot, `--` a folder), and two films."""
    for name, text in {"a.mp4": "", "b.mp4": ""}.items() | files.items():
        path = root / name.replace("__", ".").replace("--", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def spans(data: TimelineSet, name: str) -> Spans:
    (record,) = (r for r in data.records if r.name == name)
    return [(s.label, s.start_seconds, s.end_seconds) for s in data.segments(record)]


@pytest.mark.parametrize(
    ("root", "files"),
    [
        ("s.csv", {"s__csv": "file_name,label,start,end\na.mp4,wave,1.5,3\nb.mp4,,,\n"}),
        ("", {"wave_val__txt": "a 1.5 3\n", "wave_test__txt": "b 2 4\n"}),
        ("x.json", {"x__json": '{"database": {"a": {"annotations": [{"segment": [1, 2], "label": "w"}]}}}'}),
    ],
)
def test_a_bucket_gives_what_a_disk_gives(tmp_path: Path, root: str, files: dict[str, str]) -> None:
    import fsspec

    system, url = fsspec.filesystem("memory"), f"memory://{tmp_path.name}-timeline"
    for file in folder(tmp_path, **files).rglob("*"):
        system.pipe_file(f"{url}/{file.relative_to(tmp_path).as_posix()}", file.read_bytes())
    here, there = load_timelines(tmp_path / root), load_timelines("/".join(filter(None, (url, root))))
    assert there.layout == here.layout
    assert [r.name for r in there.records] == [r.name for r in here.records]
    for mine, its in zip(there.records, here.records, strict=True):
        assert there.segments(mine) == here.segments(its)


def test_elan_in_a_bucket(tmp_path: Path) -> None:
    import fsspec

    elan_file = tmp_path / "a.eaf"
    text = elan.write(elan_file, tmp_path / "a.mp4", [Segment("wave", 1.0, 2.0)], ("wave",))
    elan_file.write_text(text, encoding="utf-8")
    system, url = fsspec.filesystem("memory"), f"memory://{tmp_path.name}-elan"
    system.pipe_file(f"{url}/a.eaf", elan_file.read_bytes())
    system.pipe_file(f"{url}/a.mp4", b"")
    assert spans(load_timelines(url), "a.mp4") == [("wave", 1, 2)]


def test_csv(tmp_path: Path) -> None:
    text = """file_name,label,start,end,split
a.mp4,wave,1.5,3,train
a.mp4,walk,2,,train
b.mp4,wave,,4,test
"""
    data = load_timelines(folder(tmp_path, s__csv=text) / "s.csv")
    assert data.layout == "csv"
    assert data.labels == ("walk", "wave")
    assert spans(data, "a.mp4") == [("wave", 1.5, 3), ("walk", 2, float("inf"))]
    assert spans(data, "b.mp4") == [("wave", 0, 4)]
    assert [r.split for r in data.records] == ["train", "test"]
    assert data.counts() == {
        "walk": {"train": 1, "val": 0, "test": 0, "unsplit": 0},
        "wave": {"train": 1, "val": 0, "test": 1, "unsplit": 0},
    }


def test_mistakes_are_counted_and_named_and_nothing_else_is_lost(tmp_path: Path) -> None:
    text = """file_name,label,start,end
a.mp4,wave,5,3
a.mp4,wave,6,6
a.mp4,wave,7,8
a.mp4,wave,7,8
b.mp4,,,
gone.mp4,wave,1,2
"""
    data = load_timelines(folder(tmp_path, s__csv=text) / "s.csv")
    assert spans(data, "a.mp4") == [("wave", 7, 8)]
    assert spans(data, "b.mp4") == []
    assert data.absent == ("gone.mp4",)
    assert data.warnings == (
        "2 segments that end before they start left out: s.csv line 2, s.csv line 3",
        "1 repeated segment left out",
        "1 listed video not on disk: gone.mp4",
        "1 file without any label: all background: b.mp4",
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.mp4,,1,2,", "line 2: label is blank"),
        (",x,1,2,", "line 2: file_name is blank"),
        ("a.mp4,x,soon,2,", "line 2: start 'soon' is no number of seconds"),
        ("a.mp4,x,1,2,later", "unknown split 'later'"),
        ("a.mp4,x,1,2,train\na.mp4,x,3,4,test", "line 3 gives 'a.mp4' another split"),
        ("gone.mp4,x,1,2,", "names no video that exists"),
    ],
)
def test_a_wrong_csv_is_refused_by_its_line(rows: str, message: str, tmp_path: Path) -> None:
    folder(tmp_path, s__csv=f"file_name,label,start,end,split\n{rows}\n")
    with pytest.raises(UsageError, match=message):
        load_timelines(tmp_path / "s.csv")


def test_more_than_half_of_the_annotators_decide_and_contradictions_are_told(tmp_path: Path) -> None:
    text = """file_name,label,start,end,annotator
a.mp4,wave,0,4,anna
a.mp4,wave,1,6,ben
a.mp4,wave,3,5,cem
b.mp4,wave,0,1,anna
b.mp4,,,,ben
"""
    data = load_timelines(folder(tmp_path, s__csv=text) / "s.csv")
    assert spans(data, "a.mp4") == [("wave", 1, 5)]
    assert spans(data, "b.mp4") == []
    assert any("2 files whose annotators agree on less than 50%" in text for text in data.warnings)
    assert any("b.mp4 (0%)" in text for text in data.warnings)


def test_activitynet(tmp_path: Path) -> None:
    database = {
        "a": {
            "subset": "training",
            "duration": 9,
            "annotations": [{"segment": [1, 2.5], "label": "wave"}, {"segment": [2, 4], "label": "walk"}],
        },
        "x9": {"subset": "validation", "annotations": [{"segment": [0, 1], "label": "wave"}]},
        "unknown": {"subset": "testing", "annotations": []},
    }
    folder(tmp_path, n__json=json.dumps({"version": "1.3", "database": database, "taxonomy": []}))
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "v_x9.mkv").write_text("")
    data = load_timelines(tmp_path / "n.json")
    assert spans(data, "a.mp4") == [("wave", 1, 2.5), ("walk", 2, 4)]
    assert {r.name: r.split for r in data.records} == {"a.mp4": "train", "films/v_x9.mkv": "val"}
    folder(tmp_path, n__json='{"results": {}}')
    with pytest.raises(UsageError, match="no annotation in ActivityNet's form"):
        load_timelines(tmp_path / "n.json")


def test_thumos(tmp_path: Path) -> None:
    folder(
        tmp_path,
        **{
            "annotation--LongJump_val__txt": "a  1.0 2.5\na 9.5 11\n",
            "annotation--LongJump_test__txt": "b 0.5 1.5\n",
            "annotation--Ambiguous_test__txt": "b 3 4\n",
        },
    )
    data = load_timelines(tmp_path)
    assert data.layout == "thumos"
    assert spans(data, "a.mp4") == [("LongJump", 1, 2.5), ("LongJump", 9.5, 11)]
    assert spans(data, "b.mp4") == [("LongJump", 0.5, 1.5)]
    assert {r.name: r.split for r in data.records} == {"a.mp4": "train", "b.mp4": "test"}
    assert data.warnings == ("1 ambiguous segment left out",)


EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2020-01-01T00:00:00+01:00" FORMAT="3.0" VERSION="3.0">
  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
    <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/films/a.mp4" MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="./a.mp4"/>
  </HEADER>
  <TIME_ORDER>
    <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="760"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2000"/>
    <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="1500"/><TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="2500"/>
    <TIME_SLOT TIME_SLOT_ID="ts5"/>
  </TIME_ORDER>
  <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="hands">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
      <ANNOTATION_VALUE>wave</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts5">
      <ANNOTATION_VALUE>wave</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
  <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="jump">
    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
      <ANNOTATION_VALUE></ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
  </TIER>
</ANNOTATION_DOCUMENT>
"""


def test_elan(tmp_path: Path) -> None:
    data = load_timelines(folder(tmp_path, x__eaf=EAF))
    assert data.layout == "elan"
    assert spans(data, "a.mp4") == [("wave", 0.76, 2), ("jump", 1.5, 2.5)]
    assert data.warnings == ("1 annotation without times of their own left out",)
    folder(tmp_path, x__eaf="<half")
    with pytest.raises(UsageError, match="is not a file of ELAN's"):
        load_timelines(tmp_path / "x.eaf")


def test_what_is_written_for_elan_is_read_again(tmp_path: Path) -> None:
    folder(tmp_path)
    found = [Segment("wave & <go>", 0.25, 1.5), Segment("walk", 1, 90.125)]
    text = elan.write(tmp_path / "a.eaf", tmp_path / "a.mp4", found, ("walk", "wave & <go>", "never"))
    (tmp_path / "a.eaf").write_text(text, encoding="utf-8")
    assert spans(load_timelines(tmp_path), "a.mp4") == [("wave & <go>", 0.25, 1.5), ("walk", 1, 90.125)]


AGGREGATED = """Observation id,FPS,Subject,Behavior,Behavior type,Start (s),Stop (s),Media file name
o1,25,fox,dig,STATE,1.5,4.25,films/a.mp4
o1,25,fox,bark,POINT,5,5,films/a.mp4
"""
TABULAR = """Observation id;Media file;Subject;Behavior;Status;Time
o1;a.mp4;fox;dig;START;1.5
o1;a.mp4;owl;dig;START;2
o1;a.mp4;fox;dig;STOP;4.25
o1;a.mp4;owl;dig;STOP;6
o1;a.mp4;fox;bark;POINT;5
o1;b.mp4;fox;rest;START;7
"""


def test_boris(tmp_path: Path) -> None:
    data = load_timelines(folder(tmp_path, e__csv=AGGREGATED) / "e.csv")
    assert data.layout == "boris"
    assert spans(data, "a.mp4") == [("dig", 1.5, 4.25)]
    assert data.warnings == ("1 point event without a duration left out",)
    data = load_timelines(folder(tmp_path, e__csv=TABULAR) / "e.csv")
    assert spans(data, "a.mp4") == [("dig", 1.5, 6)]
    assert spans(data, "b.mp4") == [("rest", 7, float("inf"))]
    folder(tmp_path, e__csv=TABULAR.replace("fox;dig;START", "fox;run;START"))
    with pytest.raises(UsageError, match=r"e\.csv line 4: 'dig' stops without a start"):
        load_timelines(tmp_path / "e.csv")


def test_kth_is_read_with_the_real_list_of_sequences(tmp_path: Path, shared_data: Path) -> None:
    lines = (shared_data / "data" / "kth" / "00sequences.txt").read_text()
    (tmp_path / "00sequences.txt").write_text(lines)
    people = [f"person{n:02d}" for n in range(1, 26)]
    for label in ("boxing", "handclapping", "handwaving", "jogging", "running", "walking"):
        (tmp_path / label).mkdir()
        for person in people:
            for setting in range(1, 5):
                (tmp_path / label / f"{person}_{label}_d{setting}_uncomp.avi").write_text("")
    (tmp_path / "handclapping" / "person13_handclapping_d3_uncomp.avi").unlink()
    data = load_timelines(tmp_path)
    assert len(data.records) == 599
    assert sum(len(marks) for marks in data.marked.values()) == 2391
    # 152-225 at 25 frames a second, of which the first is number 1
    found = spans(data, "walking/person01_walking_d1_uncomp.avi")
    assert found[1] == ("walking", pytest.approx(151 / 25), pytest.approx(225 / 25))
    assert {r.split for r in data.records} == {"train", "val", "test"}


def test_what_has_no_segments_is_refused_with_all_that_can_be_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no segments; give a CSV with file_name,label,start,end"):
        load_timelines(folder(tmp_path))
    with pytest.raises(UsageError, match="does not exist"):
        load_timelines(tmp_path / "nothing.csv")
    with pytest.raises(UsageError, match="no layout 'ucf101'"):
        load_timelines(tmp_path, layout="ucf101")
    assert list(FORMATS) == ["boris", "csv", "activitynet", "elan", "kth", "thumos"]
