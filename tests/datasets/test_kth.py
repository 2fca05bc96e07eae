from __future__ import annotations

import re

import pytest

from kinema.datasets import load_dataset
from kinema.datasets.splits import merge_validation
from kinema.errors import UsageError

ACTIONS = ("boxing", "handclapping", "handwaving", "jogging", "running", "walking")


def fake_tree(root, flat: bool) -> None:
    """The 599 files that were published: person13_handclapping_d3 never was."""
    for action in ACTIONS:
        folder = root if flat else root / action
        folder.mkdir(exist_ok=True)
        for person in range(1, 26):
            for setting in range(1, 5):
                if (person, action, setting) != (13, "handclapping", 3):
                    (folder / f"person{person:02d}_{action}_d{setting}_uncomp.avi").touch()


@pytest.fixture(scope="module", params=["flat", "folders"])
def whole(request, shared_data, tmp_path_factory):
    root = tmp_path_factory.mktemp("kth")
    fake_tree(root, flat=request.param == "flat")
    text = (shared_data / "data/kth/00sequences.txt").read_text()
    (root / "00sequences.txt").write_text(text)
    return root


def test_sequences_of_the_whole_dataset(whole):
    dataset = load_dataset(whole)
    assert dataset.layout == "kth"
    assert dataset.labels == ACTIONS
    assert len(dataset.records) == 2391
    assert len({r.path for r in dataset.records}) == 599
    assert (dataset.absent, dataset.warnings) == ((), ())
    assert len(dataset.groups) == 25
    # 863 test sequences: the figure of the dataset's own paper and of those that follow it.
    assert len(dataset.part("test")) == 863
    people = {s: {int(r.group[-2:]) for r in dataset.part(s)} for s in ("train", "val", "test")}
    assert people["train"] == set(range(11, 19))
    assert people["val"] == {19, 20, 21, 23, 24, 25, 1, 4}
    assert people["test"] == {22, 2, 3, 5, 6, 7, 8, 9, 10}
    merged = merge_validation(dataset.records)
    assert len({r.group for r in merged if r.split == "train"}) == 16


def test_frame_ranges_against_the_file(whole):
    """Summed over the text by an independent reading: B - A + 1 frames for every A-B."""
    text = (whole / "00sequences.txt").read_text()
    frames = sum(int(b) - int(a) + 1 for a, b in re.findall(r"\b(\d+)-(\d+)\b", text))
    records = load_dataset(whole).records
    assert sum(r.frames[1] - r.frames[0] for r in records) == frames
    first = [r.frames for r in records if r.path.name == "person01_boxing_d1_uncomp.avi"]
    assert first == [(0, 95), (95, 185), (185, 245), (245, 360)]


def test_whole_files(whole):
    dataset = load_dataset(whole, layout="kth_files")
    assert len(dataset.records) == 599
    assert {r.frames for r in dataset.records} == {None}
    assert len(dataset.part("test")) == 9 * 6 * 4


def test_a_recipe_may_ask_for_whole_files_where_the_layout_is_found(whole):
    found = load_dataset(whole, whole_files=True)
    assert (found.layout, len(found.records)) == ("kth_files", 599)
    assert load_dataset(whole, layout="kth", whole_files=True).layout == "kth"


def test_without_the_sequence_file(tmp_path):
    fake_tree(tmp_path, flat=False)
    dataset = load_dataset(tmp_path)
    assert (dataset.layout, len(dataset.records)) == ("kth", 599)
    assert "not cut into its sequences" in dataset.warnings[0]


def sequences(root, text: str) -> None:
    (root / "00sequences.txt").write_text(text)
    (root / "person01_boxing_d1_uncomp.avi").touch()


def test_absent_missing_and_unlisted_videos_are_counted(tmp_path):
    sequences(
        tmp_path,
        "Some words of explanation.\n\nperson01_boxing_d1\t\tframes\t1-95, 96-185\n"
        "person02_boxing_d1 frames 1-10\nperson03_boxing_d1 *missing*\n",
    )
    (tmp_path / "person04_walking_d2.avi").touch()
    (tmp_path / "holiday.mp4").touch()
    dataset = load_dataset(tmp_path)
    assert [r.frames for r in dataset.records] == [(0, 95), (95, 185)]
    assert dataset.absent == ("person02_boxing_d1_uncomp.avi",)
    assert dataset.warnings == (
        "1 video of 00sequences.txt not on disk: person02_boxing_d1_uncomp.avi",
        "1 video not in 00sequences.txt left out: person04_walking_d2",
        "1 video not named like KTH's left out: holiday.mp4",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("person01_boxing_d1 frames 1-95, 96", "line 1: expected 'personNN_action_dN frames A-B"),
        ("person01_boxing_d1 frames 9-3", "line 1: frames run from 1 upwards"),
        ("person01_boxing_d1 frames 0-3", "line 1: frames run from 1 upwards"),
        ("person01_dancing_d1 frames 1-3", "line 1: expected"),
        ("person02_boxing_d1 frames 1-3", "no KTH videos in"),
    ],
)
def test_refusals(tmp_path, line, message):
    sequences(tmp_path, line)
    with pytest.raises(UsageError, match=message):
        load_dataset(tmp_path)


def test_there_is_one_official_split(tmp_path):
    fake_tree(tmp_path, flat=True)
    with pytest.raises(UsageError, match="layout kth has no split 2; leave --split out"):
        load_dataset(tmp_path, split=2)
    assert not load_dataset(tmp_path, split=None).has_split
