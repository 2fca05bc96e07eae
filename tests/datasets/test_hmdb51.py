from __future__ import annotations

import re
import shutil

import pytest

from kinema.datasets import find_leaks, load_dataset
from kinema.errors import UsageError


@pytest.fixture(scope="module")
def whole(shared_data, tmp_path_factory):
    """All 6766 names as empty files; one class nested once more, as its archive unpacks."""
    root = tmp_path_factory.mktemp("hmdb51")
    lists = shared_data / "data" / "hmdb51_splits"
    shutil.copytree(lists, root / "testTrainMulti_7030_splits")
    for path in lists.glob("*_test_split1.txt"):
        label = path.name.removesuffix("_test_split1.txt")
        folder = root / "videos" / label / (label if label == "wave" else "")
        folder.mkdir(parents=True)
        for line in path.read_text().splitlines():
            (folder / line.split()[0]).touch()
    return root


@pytest.mark.parametrize("split", [1, 2, 3])
def test_official_splits_of_the_whole_dataset(whole, split):
    dataset = load_dataset(whole, split=split)
    assert dataset.layout == "hmdb51"
    assert len(dataset.labels) == 51
    assert all(row == {"train": 70, "val": 0, "test": 30, "unsplit": 0} for row in dataset.counts().values())
    assert (len(dataset.part("train")), len(dataset.part("test"))) == (3570, 1530)
    assert dataset.absent == ()
    assert dataset.warnings == (f"1666 clips unused in split {split}",)
    assert all(r.path.is_file() for r in dataset.records)


def test_all_clips_without_the_official_split(whole):
    dataset = load_dataset(whole, split=None)
    assert len(dataset.records) == 6766
    assert dataset.labels == tuple(sorted(dataset.labels))
    assert not dataset.has_split


def test_groups_are_source_videos(whole):
    """Against an independent reading of the names: the published tags that end every one of them."""
    tags = re.compile(r"_[fulh]_(cm|nm)_np\d+_(fr|ba|le|ri)_(bad|med|goo)_\d+\.avi$")
    for record in load_dataset(whole, split=None).records:
        source = tags.sub("", record.path.name)
        assert source == f"{record.group}_{record.label}"


def test_no_source_is_in_train_and_test_of_one_class(whole):
    leaks = find_leaks(load_dataset(whole).records)
    assert len(leaks) == 133  # the same film, another action: counted apart
    assert not any(leak.same_class for leak in leaks)


@pytest.fixture
def small(tmp_path):
    (tmp_path / "pick_test_split1.txt").write_text(
        "Film_pick_f_cm_np1_fr_med_0.avi 1 \nB pick_1.avi 2 \n\nC.avi 0\n"
    )
    (tmp_path / "pick").mkdir()
    for name in ("Film_pick_f_cm_np1_fr_med_0.avi", "B pick_1.avi", "C.avi"):
        (tmp_path / "pick" / name).touch()
    return tmp_path


def test_names_with_spaces_and_unused_clips(small):
    dataset = load_dataset(small)
    assert [(r.name, r.split, r.group) for r in dataset.records] == [
        ("pick/Film_pick_f_cm_np1_fr_med_0.avi", "train", "Film"),
        ("pick/B pick_1.avi", "test", None),
    ]
    assert dataset.warnings == ("1 clip unused in split 1",)


def test_bad_lines_and_missing_lists(small):
    with pytest.raises(UsageError, match=r"no \*_test_split3.txt in .* put the official lists"):
        load_dataset(small, split=3)
    (small / "pick_test_split1.txt").write_text("A.avi 1\nB.avi 3\n")
    with pytest.raises(UsageError, match=r"pick_test_split1.txt line 2: expected 'CLIP TAG'.*got 'B.avi 3'"):
        load_dataset(small)
