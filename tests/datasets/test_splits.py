from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.datasets import Dataset, load_dataset
from kinema.datasets.splits import (
    carve_validation,
    ensure_split,
    group_folds,
    infer_group,
    keep_classes,
    leave_one_group_out,
    merge_validation,
    split_by_group,
    split_people,
    split_randomly,
    stratified_folds,
)
from kinema.errors import UsageError
from kinema.types import VideoRecord


def record(label, group, clip=0, **kwargs) -> VideoRecord:
    name = f"{label}/{group}_{clip}.mp4"
    return VideoRecord(path=Path("/data") / name, label=label, group=group, name=name, **kwargs)


def make(groups_of: dict[str, dict[str, int]]) -> list[VideoRecord]:
    """{label: {group: clips}} as records."""
    return [record(c, g, i) for c, gs in groups_of.items() for g, n in gs.items() for i in range(n)]


def dataset_of(records, **kwargs) -> Dataset:
    labels = tuple(dict.fromkeys(r.label for r in records))
    return Dataset(layout="folder", root=Path("/data"), labels=labels, records=tuple(records), **kwargs)


def sides(records, key=lambda r: r.group):
    return tuple({key(r) for r in records if r.split == s} for s in ("train", "val", "test"))


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("v_Surfing_g07_c02.avi", "g07"),
        ("a/b/walking_g101_c3.mp4", "g101"),
        ("g03.mp4", "g03"),
        ("person03_boxing_d1_uncomp.avi", "person03"),
        ("Person_12 kicks.mp4", "person12"),
        ("x-G04-y.mp4", "g04"),
        ("img07_c02.avi", None),
        ("v_g7_c02.avi", None),
        ("v_g07c02.avi", None),
        ("chairperson03_x.avi", None),
        ("v_g07_c02/clip.avi", None),
        ("clip.avi", None),
    ],
)
def test_infer_group(name, group):
    assert infer_group(name) == group


def test_a_hand_made_case_with_one_good_answer():
    """Groups x, y, z, u of both classes; a quarter of the clips of each class is group u alone."""
    records = make({c: {"x": 4, "y": 4, "z": 4, "u": 4} for c in "ab"})
    tests = set()
    for seed in range(20):
        split = split_by_group(records, 0.25, seed=seed)
        assert Counter((r.label, r.split) for r in split) == {
            ("a", "train"): 12, ("a", "test"): 4, ("b", "train"): 12, ("b", "test"): 4,
        }  # fmt: skip
        tests |= sides(split)[2]
    assert tests == {"x", "y", "z", "u"}  # the seed chooses


def test_a_rare_class_gets_its_test_group():
    records = make({"common": {f"p{i}": 10 for i in range(20)}, "rare": {"p3": 1, "p17": 1}})
    for seed in range(10):
        split = split_by_group(records, 0.25, seed=seed)
        rare = {r.split for r in split if r.label == "rare"}
        assert rare == {"train", "test"}
        share = sum(r.split == "test" for r in split) / len(split)
        assert 0.2 <= share <= 0.3


def test_group_numbers_of_ucf_are_split_as_whole_numbers(ucf_clips):
    records = load_dataset(ucf_clips, split=None).records
    split = split_by_group(records, 0.25, seed=3)
    train, _, test = sides(split)
    assert train.isdisjoint(test)
    shares = [n["test"] / sum(n.values()) for n in dataset_of(split).counts().values()]
    assert len(shares) == 6
    assert all(0.15 < share < 0.4 for share in shares)


def test_the_order_of_records_and_everything_else_is_kept():
    records = make({c: {f"p{i}": 2 for i in range(8)} for c in "abc"})
    split = carve_validation(split_by_group(records, 0.25, seed=1), 1 / 3, seed=1)
    assert [(r.name, r.label, r.group) for r in split] == [(r.name, r.label, r.group) for r in records]
    assert split == carve_validation(split_by_group(records, 0.25, seed=1), 1 / 3, seed=1)
    assert Counter(r.split for r in split) == {"train": 24, "val": 12, "test": 12}


grouped = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), min_size=8, max_size=60).map(
    lambda pairs: [record(c, f"p{g}", i) for i, (c, g) in enumerate(pairs)]
)


@settings(max_examples=80, deadline=None)
@given(grouped, st.sampled_from([0.1, 0.25, 0.5]), st.integers(0, 3))
def test_no_group_is_on_two_sides(records, fraction, seed):
    groups = {c: {r.group for r in records if r.label == c} for c in {r.label for r in records}}
    if min(map(len, groups.values())) == 1:
        with pytest.raises(UsageError, match="has a single group"):
            split_by_group(records, fraction, seed=seed)
        return
    split = carve_validation(split_by_group(records, fraction, seed=seed), 0.1 / (1 - fraction), seed=seed)
    train, val, test = sides(split)
    assert train.isdisjoint(test)
    assert train.isdisjoint(val)
    assert val.isdisjoint(test)
    assert test
    assert {r.label for r in split if r.split == "train"} == set(groups)


def test_a_class_with_a_single_group_is_named():
    records = make({"walk": {"x": 3, "y": 3}, "run": {"x": 5}})
    with pytest.raises(
        UsageError, match=r"class 'run' has a single group.*; add videos of another group"
    ) as error:
        split_by_group(records)
    assert "walk" not in str(error.value)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.integers(0, 5))
def test_random_split_is_stratified(sizes, seed):
    records = [record(f"c{c}", None, i) for c, n in enumerate(sizes) for i in range(n)]
    split = split_randomly(records, 0.25, seed)
    for c, n in enumerate(sizes):
        tested = sum(r.split == "test" and r.label == f"c{c}" for r in split)
        assert abs(tested - 0.25 * n) <= 1
        assert tested < n
        assert tested > 0 or n == 1


def test_random_split_keeps_parts_of_a_file_together():
    parts = [record("ab"[f % 2], None, f, frames=(10 * k, 10 * k + 10)) for f in range(12) for k in range(4)]
    split = split_randomly(parts, 0.25, 1)
    train, _, test = sides(split, key=lambda r: r.path)
    assert train.isdisjoint(test)
    assert len(test) in (2, 3, 4)


def test_random_split_mixes_groups_and_group_split_does_not():
    records = make({c: {f"p{i}": 8 for i in range(8)} for c in "ab"})
    train, _, test = sides(split_randomly(records, 0.25, 0))
    assert train & test
    train, _, test = sides(split_by_group(records, 0.25, seed=0))
    assert not train & test


def test_leave_one_group_out_by_hand():
    records = make({"a": {"p2": 1, "p10": 2}, "b": {"p2": 1, "p10": 1}})
    folds = {group: [r.split for r in split] for group, split in leave_one_group_out(records)}
    assert folds == {
        "p2": ["test", "train", "train", "test", "train"],
        "p10": ["train", "test", "test", "train", "test"],
    }
    assert list(folds) == ["p2", "p10"]


def test_leave_one_group_out_refuses():
    with pytest.raises(UsageError, match="needs a group for every video, 1 have none"):
        list(leave_one_group_out([*make({"a": {"p1": 1, "p2": 1}}), record("a", None)]))
    with pytest.raises(UsageError, match="class 'b' has a single group"):
        list(leave_one_group_out(make({"a": {"p1": 1, "p2": 1}, "b": {"p1": 1}})))


@pytest.mark.parametrize("folds", [2, 5, 7, 25])
def test_folds_are_whole_groups_and_balanced(folds):
    records = make({c: {f"g{i:02d}": 4 + (i % 3) for i in range(1, 26)} for c in "abc"})
    tested = Counter()
    for k, (title, split) in enumerate(group_folds(records, folds, seed=2), 1):
        assert title == f"fold {k} of {folds}"
        train, _, test = sides(split)
        assert train.isdisjoint(test)
        assert abs(len(test) - 25 / folds) <= 2
        assert {r.label for r in split if r.split == "test"} == set("abc")
        tested.update(test)
    assert tested == dict.fromkeys((f"g{i:02d}" for i in range(1, 26)), 1)


def test_each_clip_is_tested_in_one_fold():
    records = make({c: {f"p{i}": i for i in range(1, 8)} for c in "ab"})
    counts = Counter(r.name for _, split in group_folds(records, 3) for r in split if r.split == "test")
    assert counts == dict.fromkeys((r.name for r in records), 1)


@pytest.mark.parametrize("folds", [0, 1, 3])
def test_impossible_folds(folds):
    with pytest.raises(UsageError, match="folds cannot be made of 2 groups; choose from 2 to 2"):
        list(group_folds(make({"a": {"p1": 1, "p2": 1}}), folds))


def test_people_split():
    records = make({"boxing": {f"person{n:02d}": 1 for n in range(1, 26)}})
    assert [len(s) for s in sides(split_people(records))] == [8, 8, 9]
    assert [len(s) for s in sides(split_people(records, validation=False))] == [16, 0, 9]
    with pytest.raises(UsageError, match="needs groups person01 to person25, got g01"):
        split_people(make({"a": {"g01": 1}}))


def test_carve_and_merge_validation():
    records = make({c: {f"p{i}": 3 for i in range(10)} for c in "ab"})
    split = split_by_group(records, 0.2, seed=0)
    carved = carve_validation(split, 0.25, seed=0)
    train, val, test = sides(carved)
    assert (len(train), len(val), len(test)) == (6, 2, 2)
    assert sides(split)[2] == test
    assert merge_validation(carved) == split
    assert carve_validation(carved, 0.5) == carved  # there is one already
    assert carve_validation(split, 0.0) == split


def test_carving_never_empties_a_class():
    records = [record("a", "p1", split="train"), *(record("b", f"p{i}", split="train") for i in range(2, 9))]
    carved = carve_validation(records, 0.5, seed=0)
    assert carved[0].split == "train"
    assert any(r.split == "val" for r in carved)


def test_ensure_split_keeps_what_is_there():
    records = [record("a", "p1", split="train"), record("a", "p2", split="test")]
    dataset = dataset_of(records, split_source="split folders")
    assert ensure_split(dataset) is dataset


def test_ensure_split_by_group():
    records = make({c: {f"g{i:02d}": 3 for i in range(1, 9)} for c in "ab"})
    dataset = ensure_split(dataset_of(records), seed=7)
    assert dataset.split_source == "made by group (8 groups, 25% test, seed 7)"
    assert dataset.warnings == ()
    assert [len(s) for s in sides(dataset.records)] == [6, 0, 2]


def test_ensure_split_with_some_groups_unknown():
    records = [*make({"a": {"g01": 3, "g02": 3}, "b": {"g01": 3, "g02": 3}}), record("a", None, 9)]
    dataset = ensure_split(dataset_of(records))
    assert dataset.warnings == ("1 video of no known group: each is taken as a group of its own",)


def test_ensure_split_at_random_warns():
    dataset = ensure_split(dataset_of([record(c, None, i) for c in "ab" for i in range(8)]))
    assert dataset.split_source == "made at random (25% test, seed 0)"
    assert "no groups are known" in dataset.warnings[0]
    assert Counter(r.split for r in dataset.records) == {"train": 12, "test": 4}


def test_validation_serves_as_test_where_there_is_no_test():
    records = [record("a", "p1", split="train"), record("a", "p2", split="val")]
    dataset = ensure_split(dataset_of(records, split_source="split folders"))
    assert [r.split for r in dataset.records] == ["train", "test"]
    assert dataset.split_source == "split folders, validation as test"
    assert "the validation videos are the test set" in dataset.warnings[0]


def copies(groups: dict[str, str | None], contents: dict[str, str]) -> list[VideoRecord]:
    """Two classes; `groups` names the group of each file and `contents` what it holds."""
    return [
        VideoRecord(Path(f"/d/{label}/{name}"), label, group, content=f"{label} {contents.get(name, name)}")
        for label in ("a", "b")
        for name, group in groups.items()
    ]


def test_copies_of_one_file_are_on_one_side_without_groups():
    """Twelve names of six contents: without a look at the content, a random split cuts some pair."""
    names = {f"{i}{which}.mp4": None for i in range(6) for which in ("", " copy")}
    for seed in range(10):
        records = copies(names, {name: name[0] for name in names})
        split = ensure_split(dataset_of(records), seed).records
        train, _, test = sides(split, key=lambda r: r.content)
        assert train
        assert test
        assert train.isdisjoint(test)
        assert any(
            not a.isdisjoint(b)
            for a, _, b in [sides(split_randomly([replace(r, content=None) for r in records], 0.25, s),
                                  key=lambda r: (r.label, r.name[0])) for s in range(10)]
        ), "the split that does not look would leak"  # fmt: skip


def test_groups_that_share_a_copy_stay_together():
    groups = {f"{i}.mp4": f"g{i:02d}" for i in range(8)}
    records = copies(groups, {"0.mp4": "same", "5.mp4": "same"})
    for seed in range(8):
        train, _, test = sides(split_by_group(records, 0.25, seed=seed))
        assert ({"g00", "g05"} <= train) or ({"g00", "g05"} <= test)
    names = [name for name, _ in leave_one_group_out(records)]
    assert names == ["g00 + g05", "g01", "g02", "g03", "g04", "g06", "g07"]
    for _, split in [*leave_one_group_out(records), *group_folds(records, 3)]:
        train, _, test = sides(split, key=lambda r: r.content)
        assert train.isdisjoint(test)


def test_validation_has_no_copy_of_a_training_file():
    names = {f"{i}{which}.mp4": None for i in range(6) for which in ("", " copy")}
    records = [replace(r, split="train") for r in copies(names, {name: name[0] for name in names})]
    train, val, _ = sides(carve_validation(records, 0.3), key=lambda r: r.content)
    assert val
    assert train.isdisjoint(val)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6)), min_size=1, max_size=30),
    st.integers(2, 5),
    st.integers(0, 3),
)
@settings(max_examples=60)
def test_stratified_folds_test_each_unit_once_and_never_without_its_class(rows, folds, seed):
    """Groups of any shape: what is never tested would leave a class without training videos."""
    records = [record(c, f"p{g}", i) for i, (c, g) in enumerate(rows)]
    try:
        parts = stratified_folds(records, folds, seed)
    except UsageError:
        owned = {label: {r.group for r in records if r.label == label} for label in "abc"}
        assert {r.group for r in records} <= set().union(*(g for g in owned.values() if len(g) == 1))
        return
    tests = Counter()
    for _, part in parts:
        train, val, test = sides(part)
        assert test
        assert not val
        assert train.isdisjoint(test)
        labels, _, tested = sides(part, key=lambda r: r.label)
        assert tested <= labels
        tests.update(test)
    assert set(tests.values()) == {1}


def test_stratified_folds_are_balanced_and_named_by_their_number():
    records = [record(c, None, i) for c in "ab" for i in range(10)]
    parts = stratified_folds(records, 5)
    assert [name for name, _ in parts] == [f"fold {k} of 5" for k in range(1, 6)]
    for _, part in parts:
        assert Counter(r.label for r in part if r.split == "test") == {"a": 2, "b": 2}
    few = stratified_folds([record(c, None, i) for c in "ab" for i in range(2)], 5)
    assert len(few) == 4, "fewer folds where there are fewer units"


def test_a_class_of_one_video_is_trained_on_in_every_fold():
    records = [record("a", None, 0), *(record("b", None, i) for i in range(6))]
    parts = stratified_folds(records, 5)
    assert all(part[0].split == "train" for _, part in parts)
    assert sum(r.split == "test" for _, part in parts for r in part) == 6


def test_no_folds_where_nothing_could_be_tested():
    with pytest.raises(UsageError, match="every class has a single video or group"):
        stratified_folds(make({"a": {"p1": 3}, "b": {"p2": 3}}), 5)


def test_keep_classes_moves_one_unit_back():
    records = [record("a", "p1", 0, split="test"), record("a", "p2", 1, split="test")]
    records += [record("b", "p1", 2, split="test"), record("b", "p3", 3, split="train")]
    assert [r.split for r in keep_classes(records)] == ["train", "test", "train", "train"]
