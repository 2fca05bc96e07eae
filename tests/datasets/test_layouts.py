"""One contract for every layout in the table, on the smallest tree that it recognises."""

from __future__ import annotations

import os

import pytest

from kinema.datasets import LAYOUTS, Dataset, load_dataset
from kinema.errors import UsageError
from kinema.evaluation.rounds import rounds
from kinema.recipe import Protocol

UCF_LISTS = {
    "ucfTrainTestlist/classInd.txt": "1 a\n2 b\n",
    **{
        f"ucfTrainTestlist/trainlist0{n}.txt": "a/v_a_g01_c01.avi 1\nb/v_b_g01_c01.avi 2\n" for n in (1, 2, 3)
    },
    **{f"ucfTrainTestlist/testlist0{n}.txt": "a/v_a_g02_c01.avi\nb/v_b_g02_c01.avi\n" for n in (1, 2, 3)},
}
HMDB_LISTS = {
    f"lists/{c}_test_split{n}.txt": f"X_{c}_0.avi 1\nY_{c}_0.avi 2\n" for c in "ab" for n in (1, 2, 3)
}
KTH = [f"{c}/person{p}_{c}_d1_uncomp.avi" for c in ("boxing", "walking") for p in ("11", "22", "04")]
# Layout -> (what to give to load_dataset below the folder, text files, videos).
TREES: dict[str, tuple[str, dict[str, str], list[str]]] = {
    "folder": ("", {}, ["a/1.mp4", "a/2.mp4", "b/1.mp4"]),
    "csv": ("x.csv", {"x.csv": "file_name,label\n1.mp4,a\n2.mp4,b\n"}, ["1.mp4", "2.mp4"]),
    "ucf101": ("", UCF_LISTS, [f"videos/{c}/v_{c}_g0{g}_c01.avi" for c in "ab" for g in (1, 2)]),
    "hmdb51": ("", HMDB_LISTS, [f"{c}/{s}_{c}_0.avi" for c in "ab" for s in "XY"]),
    "kth": (
        "",
        {"00sequences.txt": "".join(f"{k.split('/')[1][:-11]} frames 1-9, 10-20\n" for k in KTH)},
        KTH,
    ),
    "kth_files": ("", {}, KTH),
    "ucf11": ("", {}, [f"{c}/v_{c}_0{g}/v_{c}_0{g}_01.mpg" for c in "ab" for g in (1, 2)]),
}
by_layout = pytest.mark.parametrize("layout", LAYOUTS)


@pytest.fixture
def data(layout, tmp_path):
    below, texts, videos = TREES[layout]
    for name in (*texts, *videos):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(texts.get(name, ""))
    return tmp_path / below


@by_layout
def test_contract(layout, data):
    dataset = load_dataset(data, layout=layout)
    assert isinstance(dataset, Dataset)
    assert dataset.layout == layout
    videos = TREES[layout][2]
    assert {r.name for r in dataset.records} == set(videos)
    assert {r.label for r in dataset.records} == set(dataset.labels)
    assert len(dataset.labels) == 2
    assert len({r.id for r in dataset.records}) == len(dataset.records)
    assert all(r.path.is_absolute() and r.path.is_file() for r in dataset.records)
    assert dataset.absent == ()
    assert dataset.has_split == bool(dataset.split_source)
    assert dataset == load_dataset(data, layout=layout)


@by_layout
def test_auto_finds_the_layout(layout, data):
    found = load_dataset(data).layout
    assert found == ("kth" if layout == "kth_files" else layout)


@by_layout
def test_a_bucket_gives_what_a_disk_gives(layout, data, tmp_path):
    import fsspec

    system, root = fsspec.filesystem("memory"), f"memory://{tmp_path.name}"
    for file in tmp_path.rglob("*"):
        if file.is_file():
            system.pipe_file(f"{root}/{file.relative_to(tmp_path).as_posix()}", file.read_bytes())
    url = "/".join(filter(None, (root, TREES[layout][0])))
    here, there = load_dataset(data, layout=layout), load_dataset(url, layout=layout)
    for name in ("layout", "labels", "absent", "warnings", "split_source", "groups", "has_split"):
        assert getattr(there, name) == getattr(here, name)
    assert [(r.name, r.label, r.group, r.split, r.frames) for r in there.records] == [
        (r.name, r.label, r.group, r.split, r.frames) for r in here.records
    ]
    assert all(r.path.is_file() for r in there.records)
    assert load_dataset(url).layout == load_dataset(data).layout


@by_layout
def test_relative_paths_are_the_same_videos(layout, data, monkeypatch):
    monkeypatch.chdir(data.parent)
    relative = os.path.relpath(data)
    assert load_dataset(relative, layout=layout) == load_dataset(data, layout=layout)


@by_layout
def test_without_the_official_split(layout, data):
    dataset = load_dataset(data, layout=layout, split=None)
    assert not dataset.has_split
    assert {r.name for r in dataset.records} == set(TREES[layout][2])


@by_layout
def test_official_splits(layout, data):
    load = lambda split: load_dataset(data, layout=layout, split=split)  # noqa: E731
    protocol = Protocol(kind="official_splits")
    if LAYOUTS[layout].splits == 0:
        with pytest.raises(UsageError, match="has no official splits; choose another protocol"):
            rounds(load, protocol, seed=0)
        return
    made = rounds(load, protocol, seed=0)
    assert [one.part for one in made] == [f"split {n}" for n in range(1, LAYOUTS[layout].splits + 1)]
    for one in made:
        assert one.dataset.part("train")
        assert one.dataset.part("test")


@by_layout
@pytest.mark.parametrize("split", [0, 4, -1])
def test_a_split_that_is_not_there(layout, data, split):
    with pytest.raises(UsageError, match=f"layout {layout} has no split {split}; "):
        load_dataset(data, layout=layout, split=split)


@by_layout
def test_nothing_there_is_one_line(layout, tmp_path):
    path = tmp_path
    if layout == "csv":
        path = tmp_path / "x.csv"
        path.touch()
    with pytest.raises(UsageError) as error:
        load_dataset(path, layout=layout)
    assert "\n" not in str(error.value)


def test_paths_that_cannot_be_data(tmp_path):
    with pytest.raises(UsageError, match="does not exist; give a folder of videos or a CSV file"):
        load_dataset(tmp_path / "nowhere")
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(UsageError, match="is a file; give a folder"):
        load_dataset(tmp_path / "clip.mp4")
    with pytest.raises(UsageError, match="unknown layout 'kinetics'; choose auto, csv, ucf101"):
        load_dataset(tmp_path, layout="kinetics")
    with pytest.raises(UsageError, match="layout csv needs the path of the"):
        load_dataset(tmp_path, layout="csv")
    (tmp_path / "x.csv").touch()
    with pytest.raises(UsageError, match="is a file; give a folder"):
        load_dataset(tmp_path / "x.csv", layout="ucf101")


def test_actions_named_by_others_are_no_kth(tmp_path):
    (tmp_path / "dancing").mkdir()
    (tmp_path / "dancing/person01_dancing_d1.avi").touch()
    dataset = load_dataset(tmp_path)
    assert dataset.layout == "folder"
    assert dataset.groups == ("person01",)


def test_importing_datasets_does_not_import_torch():
    import subprocess
    import sys

    code = "import sys, kinema.datasets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
