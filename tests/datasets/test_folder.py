from __future__ import annotations

from pathlib import Path

import pytest

from kinema.datasets import load_dataset
from kinema.errors import UsageError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def by_name(dataset):
    return {r.name: (r.label, r.split, r.group) for r in dataset.records}


def test_class_folders(tmp_path):
    touch(tmp_path, "run/a.mp4", "run/deep/er/person03_b.AVI", "walk/v_walk_g07_c01.mov")
    dataset = load_dataset(tmp_path)
    assert dataset.layout == "folder"
    assert dataset.labels == ("run", "walk")
    assert by_name(dataset) == {
        "run/a.mp4": ("run", None, None),
        "run/deep/er/person03_b.AVI": ("run", None, "person03"),
        "walk/v_walk_g07_c01.mov": ("walk", None, "g07"),
    }
    assert dataset.warnings == ()
    assert dataset.split_source == ""


@pytest.mark.parametrize("val", ["val", "valid", "Validation"])
def test_split_folders(tmp_path, val):
    touch(tmp_path, "train/a/1.mp4", f"{val}/a/2.mp4", "test/a/3.mp4", "test/b/4.mp4")
    dataset = load_dataset(tmp_path)
    assert [len(dataset.part(s)) for s in ("train", "val", "test")] == [1, 1, 2]
    assert dataset.labels == ("a", "b")
    assert dataset.split_source == "split folders"


def test_one_name_in_two_unicode_forms_is_one_class(tmp_path):
    """A Mac writes é as two code points (NFD), most others as one (NFC)."""
    touch(tmp_path, "cafe\u0301/1.mp4", "caf\u00e9/2.mp4", "tea/3.mp4")
    dataset = load_dataset(tmp_path)
    assert dataset.labels == ("caf\u00e9", "tea")
    assert [r.label for r in dataset.records].count("caf\u00e9") == 2
    assert all(r.path.exists() for r in dataset.records)  # the file's own name stays
    (tmp_path / "x.csv").write_text(
        "file_name,label\ncafe\u0301/1.mp4,cafe\u0301\ncaf\u00e9/2.mp4,caf\u00e9\n", encoding="utf-8"
    )
    assert load_dataset(tmp_path / "x.csv").labels == ("caf\u00e9",)
    group = touch(
        tmp_path / "ucf11", *(f"{c}/v_x_0{g}/v_x_0{g}_01.mpg" for c in ("cafe\u0301", "b") for g in (1, 2))
    )
    assert load_dataset(group, layout="ucf11").labels == ("b", "caf\u00e9")


def test_a_class_may_be_called_train(tmp_path):
    touch(tmp_path, "train/1.mp4", "bus/2.mp4")
    assert load_dataset(tmp_path).labels == ("bus", "train")
    touch(tmp_path, "test/3.mp4")  # vehicles "train" and "test", without class folders in them
    assert load_dataset(tmp_path).labels == ("bus", "test", "train")


def test_other_files_are_counted_not_read(tmp_path):
    touch(tmp_path, "a/1.mp4", "a/notes.txt", "a/.hidden.mp4", "a/README", "b/2.mp4", "__MACOSX/a/3.mp4")
    touch(tmp_path, ".cache/x/9.mp4", "loose.mp4", "empty/readme.txt")
    dataset = load_dataset(tmp_path)
    assert sorted(by_name(dataset)) == ["a/1.mp4", "b/2.mp4"]
    text = "\n".join(dataset.warnings)
    assert "ignored 4 files that are not videos: 2 .txt, 1 hidden, 1 without suffix" in text
    assert "outside any class folder are left out: loose.mp4" in text
    assert "without videos, left out: empty" in text


def test_a_text_file_with_a_video_suffix_stays_a_record(tmp_path):
    touch(tmp_path, "a/1.mp4", "b/2.mp4")
    (tmp_path / "a/fake.mp4").write_text("no video")
    assert "a/fake.mp4" in by_name(load_dataset(tmp_path))


def test_unusual_names(tmp_path):
    names = ['a b/it\'s "one".mp4', "a b/new\nline.mp4", "走る/動画 1.mp4", "走る/ünï.mp4"]
    touch(tmp_path, *names)
    dataset = load_dataset(tmp_path)
    assert sorted(by_name(dataset)) == sorted(names)
    assert all(r.path.is_file() for r in dataset.records)


def test_a_name_that_is_no_text_can_still_be_written(tmp_path):
    touch(tmp_path, "a/1.mp4", "b/2.mp4")
    try:
        Path(str(tmp_path / "a") + "/\udcff.mp4").touch()
    except OSError:
        pytest.skip("this file system takes text names only")
    (odd,) = [r for r in load_dataset(tmp_path).records if r.name not in ("a/1.mp4", "b/2.mp4")]
    assert odd.name.encode() == b"a/\\xff.mp4"
    assert odd.path.is_file()


def test_links_are_followed_and_loops_end(tmp_path):
    touch(tmp_path, "elsewhere/deep/1.mp4", "data/a/2.mp4")
    (tmp_path / "data/b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/a/loop").symlink_to(tmp_path / "data/a")
    assert sorted(by_name(load_dataset(tmp_path / "data"))) == ["a/2.mp4", "b/deep/1.mp4"]


def test_videos_without_class_folders_are_unlabelled(tmp_path):
    touch(tmp_path, "1.mp4", "2.mp4")
    dataset = load_dataset(tmp_path)
    assert dataset.labels == ()
    assert [r.label for r in dataset.records] == [None, None]
    assert dataset.warnings == ("the videos lie in no class folders: they have no labels",)


def test_natural_order(tmp_path):
    touch(tmp_path, *(f"c{n}/1.mp4" for n in (10, 9, 1)))
    assert load_dataset(tmp_path).labels == ("c1", "c9", "c10")


def test_nothing_to_read(tmp_path):
    with pytest.raises(UsageError, match=r"no videos in .* put them"):
        load_dataset(tmp_path)
    touch(tmp_path, "a/readme.txt")
    with pytest.raises(UsageError, match="no videos"):
        load_dataset(tmp_path)


def test_hockey(hockey_clips):
    dataset = load_dataset(hockey_clips)
    assert dataset.layout == "folder"
    assert dataset.counts() == {
        "fight": {"train": 40, "val": 0, "test": 20, "unsplit": 0},
        "no_fight": {"train": 40, "val": 0, "test": 20, "unsplit": 0},
    }
