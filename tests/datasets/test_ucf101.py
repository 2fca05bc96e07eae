from __future__ import annotations

import shutil

import pytest

from kinema.datasets import load_dataset
from kinema.errors import UsageError

# Clips of each official split, as published with the dataset.
COUNTS = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}


@pytest.fixture(scope="module")
def whole(ucf_clips, tmp_path_factory):
    """A tree of all 13320 names, as the archives unpack, with empty files."""
    root = tmp_path_factory.mktemp("ucf101")
    shutil.copytree(ucf_clips / "ucfTrainTestlist", root / "ucfTrainTestlist")
    for name in ("trainlist01", "testlist01"):
        for line in (root / f"ucfTrainTestlist/{name}.txt").read_text().splitlines():
            path = root / "UCF-101" / line.split()[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return root


@pytest.fixture
def small(tmp_path):
    """Two classes with lists written by hand."""
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Tie Knot\r\n2 Archery\r\n3 Nobody\r\n")
    (lists / "trainlist01.txt").write_text(
        "Tie Knot/v_Tie Knot_g02_c01.avi 1\r\nArchery/v_Archery_g02_c01.avi 2\r\n"
    )
    (lists / "testlist01.txt").write_text(
        "Tie Knot/v_Tie Knot_g01_c01.avi\r\nArchery/v_Archery_g01_c01.avi\r\n"
    )
    for clip in (
        "Tie Knot/v_Tie Knot_g02_c01.avi",
        "Tie Knot/v_Tie Knot_g01_c01.avi",
        "Archery/v_Archery_g02_c01.avi",
    ):
        path = tmp_path / clip
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def test_six_real_classes(ucf_clips):
    dataset = load_dataset(ucf_clips)
    assert dataset.layout == "ucf101"
    order = [
        line.split()[1] for line in (ucf_clips / "ucfTrainTestlist/classInd.txt").read_text().splitlines()
    ]
    assert len(dataset.labels) == 6
    assert list(dataset.labels) == [c for c in order if (ucf_clips / "videos" / c).is_dir()]
    assert (len(dataset.records), len(dataset.part("test")), len(dataset.part("train"))) == (321, 117, 204)
    assert len(dataset.absent) == 13320 - 321
    assert {r.group for r in dataset.part("test")} == {"g01", "g02", "g03", "g04"}
    assert {r.group for r in dataset.part("train")} == {f"g{n:02d}" for n in range(8, 15)}
    assert all(r.path.is_file() and (ucf_clips / r.name).samefile(r.path) for r in dataset.records)
    assert dataset.split_source == "official UCF101 split 1"
    assert dataset.warnings[0].startswith(
        "12999 of 13320 listed clips are not on disk; 6 classes of 101 present"
    )


def test_whole_dataset_all_splits(whole):
    found = {}
    for number in (1, 2, 3):
        dataset = load_dataset(whole, split=number)
        assert len(dataset.labels) == 101
        assert (dataset.absent, dataset.warnings) == ((), ())
        assert set(dataset.groups) == {f"g{n:02d}" for n in range(1, 26)}
        sides = [{(r.label, r.group) for r in dataset.part(s)} for s in ("train", "test")]
        assert sides[0].isdisjoint(sides[1])
        found[number] = (len(dataset.part("train")), len(dataset.part("test")))
    assert found == COUNTS


def test_without_the_official_split(whole):
    dataset = load_dataset(whole, split=None)
    assert len(dataset.records) == 13320
    assert not dataset.has_split


def test_names_with_spaces_and_crlf(small):
    dataset = load_dataset(small)
    assert dataset.labels == ("Tie Knot", "Archery")
    assert [(r.name, r.split) for r in dataset.records] == [
        ("Tie Knot/v_Tie Knot_g02_c01.avi", "train"),
        ("Archery/v_Archery_g02_c01.avi", "train"),
        ("Tie Knot/v_Tie Knot_g01_c01.avi", "test"),
    ]
    assert dataset.absent == ("Archery/v_Archery_g01_c01.avi",)


def test_case_and_container_may_differ_from_the_list(small):
    (small / "Archery/v_Archery_g02_c01.avi").rename(small / "Archery/V_ARCHERY_g02_c01.mp4")
    (small / "Archery").rename(small / "archery")
    found = {r.name: r.label for r in load_dataset(small).records}
    assert found["archery/V_ARCHERY_g02_c01.mp4"] == "Archery"


def test_videos_that_no_list_knows_are_named(small):
    (small / "Archery/v_Archery_g09_c09.avi").touch()
    (small / "Dancing").mkdir()
    (small / "Dancing/1.avi").touch()
    warnings = "\n".join(load_dataset(small).warnings)
    assert "videos in no list, left out (1): Archery/v_Archery_g09_c09.avi" in warnings
    assert "class folders that the lists do not know, left out (1): Dancing" in warnings


def test_frames_beside_the_videos_do_not_win(small):
    for clip in ("Archery", "Tie Knot", "Nobody"):
        (small / "a_frames" / clip / "v").mkdir(parents=True)
        (small / "a_frames" / clip / "v/0001.jpg").touch()
    assert len(load_dataset(small).records) == 3


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "trainlist01.txt",
            "Dancing/v_1.avi 1\n",
            "trainlist01.txt line 1: class 'Dancing' is not in classInd",
        ),
        ("trainlist01.txt", "Archery/v_1.avi 1\n", "line 1: 'Archery' is class 2 in classInd.txt, not 1"),
        ("testlist01.txt", "Archery/v_Archery_g02_c01.avi\n", "is in trainlist01.txt and in testlist01.txt"),
        ("classInd.txt", "Archery\n", "classInd.txt line 1: expected 'NUMBER CLASS'"),
        ("classInd.txt", "\n", "is empty"),
    ],
)
def test_lists_that_contradict_are_refused(small, file, text, message):
    (small / "ucfTrainTestlist" / file).write_text(text)
    with pytest.raises(UsageError, match=message):
        load_dataset(small)


def test_missing_list_and_missing_videos(small):
    with pytest.raises(UsageError, match=r"cannot read .*trainlist02.txt"):
        load_dataset(small, split=2)
    shutil.rmtree(small / "Archery")
    shutil.rmtree(small / "Tie Knot")
    with pytest.raises(UsageError, match="none of the 4 listed clips is in"):
        load_dataset(small)
