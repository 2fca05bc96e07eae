from __future__ import annotations

import pytest

from kinema.datasets import load_dataset
from kinema.datasets.splits import leave_one_group_out
from kinema.errors import UsageError

# The names of the published folders: class folder, and what its clips are called.
CLASSES = {
    "basketball": "shooting",
    "biking": "biking",
    "diving": "diving",
    "golf_swing": "golf",
    "horse_riding": "riding",
    "soccer_juggling": "juggle",
    "swing": "swing",
    "tennis_swing": "tennis",
    "trampoline_jumping": "jumping",
    "volleyball_spiking": "spiking",
    "walking": "walk_dog",
}


@pytest.fixture(scope="module", params=[("", "mpg"), ("UCF11_updated_mpg", "avi")])
def whole(request, tmp_path_factory):
    """1600 clips of 11 classes in 25 groups each: 5 or 6 clips a group."""
    top, suffix = request.param
    root = tmp_path_factory.mktemp("ucf11")
    cells = [(c, g) for c in CLASSES for g in range(1, 26)]
    for i, (label, group) in enumerate(cells):
        name = f"v_{CLASSES[label]}_{group:02d}"
        folder = root / top / label / name
        folder.mkdir(parents=True)
        for clip in range(1, 7 + (i < 1600 - 6 * len(cells)) - (i >= 1600 - 5 * len(cells))):
            (folder / f"{name}_{clip:02d}.{suffix}").touch()
        annotation = root / top / label / "Annotation"
        annotation.mkdir(exist_ok=True)
        (annotation / f"{name}.xgtf").touch()
    return root


def test_whole_dataset(whole):
    dataset = load_dataset(whole)
    assert dataset.layout == "ucf11"
    assert dataset.labels == tuple(CLASSES)
    assert len(dataset.records) == 1600
    assert dataset.groups == tuple(f"g{n:02d}" for n in range(1, 26))
    assert not dataset.has_split
    assert dataset.warnings == ("ignored 275 files that are not videos: 275 .xgtf",)
    assert all(r.path.parent.name.endswith(r.group[1:]) for r in dataset.records)


def test_leave_one_group_out_covers_every_clip_once(whole):
    records = load_dataset(whole).records
    tested = []
    for group, split in leave_one_group_out(records):
        test = [r for r in split if r.split == "test"]
        assert {r.group for r in test} == {group}
        assert {r.label for r in test} == set(CLASSES)
        assert group not in {r.group for r in split if r.split == "train"}
        tested += [r.path for r in test]
    assert sorted(tested) == sorted(r.path for r in records)


def test_clips_outside_group_folders(tmp_path):
    for name in (
        "diving/v_diving_01/v_diving_01_01.mpg",
        "diving/extra.mpg",
        "swing/v_swing_02/v_swing_02_01.mpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    dataset = load_dataset(tmp_path)
    assert {(r.label, r.group) for r in dataset.records} == {("diving", "g01"), ("swing", "g02")}
    assert dataset.warnings == ("1 video outside group folders left out: diving/extra.mpg",)


def test_nothing_there(tmp_path):
    with pytest.raises(UsageError, match="no UCF-11 videos"):
        load_dataset(tmp_path, layout="ucf11")
