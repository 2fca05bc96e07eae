from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kinema.datasets import Dataset, check_trainable, find_duplicates, find_leaks
from kinema.datasets.checks import Leak, find_contradictions
from kinema.errors import UsageError
from kinema.types import VideoRecord


def record(label, split=None, group=None, name="", **kwargs):
    name = name or f"{label}/{split}_{group}.mp4"
    return VideoRecord(path=Path("/d") / name, label=label, split=split, group=group, name=name, **kwargs)


def dataset_of(*records):
    labels = tuple(sorted({r.label for r in records if r.label}))
    return Dataset(layout="folder", root=Path("/d"), labels=labels, records=records)


def both(label):
    return record(label, "train"), record(label, "test")


def test_a_good_dataset_passes():
    assert check_trainable(dataset_of(*both("a"), *both("b"))) == []


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ((), "no videos in /d; put them in one folder per class"),
        ((record(None, name="x.mp4"), *both("a")), r"1 video without a label \(x.mp4\); put videos in"),
        (both("a"), "there is one class only, 'a'; add a folder .* or use `kinema anomaly fit`"),
        ((record("a", "train"), record("b", "train")), "the test split of /d is empty; add test videos"),
        ((record("a", "test"), record("b", "test")), "the train split of /d is empty; add train videos"),
        ((*both("a"), record("b", "test")), "class 'b' of the test split has no training videos; add some"),
        ((*both("a"), *both("b"), record("c", "val")), "class 'c' of the val split has no training videos"),
        ((*both("run"), *both("b"), record("Run", "test")), r"class 'Run' .*\(is it 'run'\?\); add"),
    ],
)
def test_refusals_are_one_line_with_a_cure(records, message):
    with pytest.raises(UsageError, match=message) as error:
        check_trainable(dataset_of(*records))
    assert "\n" not in str(error.value)


def test_a_class_without_test_videos_is_named():
    warnings = check_trainable(dataset_of(*both("a"), *both("b"), record("c", "train")))
    assert warnings == ["1 class without test videos: c"]


def test_leaks_by_hand():
    records = [
        record("a", "train", "anna"),
        record("a", "test", "anna"),
        record("b", "test", "anna", name="b/2.mp4"),
        record("a", "train", "film"),
        record("b", "test", "film"),
        record("a", "train", "only"),
        record("a", "val", "bob"),
        record("a", "test", "bob"),
    ]
    assert find_leaks(records) == [
        Leak("anna", None, train=1, test=2, same_class=True),
        Leak("film", None, train=1, test=1, same_class=False),
    ]


def test_ucf_group_numbers_start_again_in_every_class():
    assert find_leaks([record("a", "train", "g01"), record("b", "test", "g01")]) == []
    leaks = find_leaks([record("a", "train", "g01"), record("a", "test", "g01"), record("b", "test", "g01")])
    assert leaks == [Leak("g01", "a", train=1, test=1, same_class=True)]


def test_official_ucf_split_does_not_leak(ucf_clips):
    from kinema.datasets import load_dataset

    for split in (1, 2, 3):
        assert find_leaks(load_dataset(ucf_clips, split=split).records) == []


def test_duplicates_by_hand():
    records = [
        record("a", "train", name="1", content="x"),
        record("a", "train", name="2", content="x"),
        record("b", "test", name="3", content="x"),
        record("b", "test", name="4", content="y", frames=(0, 5)),
        record("b", "test", name="4", content="y", frames=(5, 9)),
        record("b", "test", name="5", content="z"),
        record("b", "test", name="unread"),
        record("b", "test", name="unread too"),
    ]
    same = find_duplicates(records)
    assert [(d.names, d.splits, d.labels) for d in same] == [(("1", "2", "3"), ("test", "train"), ("a", "b"))]
    assert same[0].across_splits
    assert same[0].conflicting
    (calm,) = find_duplicates(records[:2])
    assert not calm.across_splits
    assert not calm.conflicting


def contradicting(layout: str) -> Dataset:
    """One content under two labels, once whole against whole and once in parts that differ."""
    records = [
        record("a", "train", name="a/1", content="x"),
        record("b", "train", name="b/copy of 1", content="x"),
        record("a", "train", name="a/2", content="y", frames=(0, 5)),
        record("b", "train", name="b/copy of 2", content="y", frames=(5, 9)),
        record("a", "test", name="a/3"),
        record("b", "test", name="b/3"),
    ]
    return replace(dataset_of(*records), layout=layout)


def test_many_copies_are_shown_by_a_few_names():
    copies = [VideoRecord(Path(f"{n}.mp4"), "a", content="1", name=f"{n}.mp4") for n in range(100)]
    (same,) = find_duplicates(copies)
    assert len(same.names) == 100
    assert same.shown == "0.mp4 = 1.mp4 = 2.mp4 = 3.mp4 and 96 more"
    (few,) = find_duplicates(copies[:4])
    assert few.shown == "0.mp4 = 1.mp4 = 2.mp4 = 3.mp4"


def test_one_content_under_two_labels_is_refused_with_both_names():
    with pytest.raises(UsageError, match=r"a/1 and b/copy of 1 .*'a' and 'b'; remove one"):
        check_trainable(contradicting("folder"))
    assert len(find_contradictions(contradicting("folder").records)) == 1
    check_trainable(contradicting("hmdb51"))  # a published list is kept as it is
