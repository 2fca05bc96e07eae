from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kinema.datasets import Dataset
from kinema.errors import UsageError
from kinema.evaluation.metrics import classification_metrics
from kinema.evaluation.protocols import differ, pooled_confusion, summarise
from kinema.evaluation.rounds import rounds
from kinema.recipe import Protocol
from kinema.report.headline import comparisons
from kinema.types import VideoRecord

LABELS = ("run", "walk")


def dataset(groups, per_group=2, layout="folder", splits=None):
    """`per_group` clips of each class in each group; `splits` maps a group to its split."""
    records = tuple(
        VideoRecord(
            Path(f"/v/{label}_{group}_{clip}.avi"),
            label,
            group,
            splits.get(group) if splits else None,
        )
        for label in LABELS
        for group in groups
        for clip in range(per_group)
    )
    return Dataset(layout, Path("/v"), LABELS, records, split_source="lists" if splits else "")


def loader(*groups, **settings):
    return lambda split: dataset(groups, **settings)


def groups_tested(one):
    return {r.group for r in one.dataset.part("test")}


def groups_trained(one):
    return {r.group for r in one.dataset.part("train")}


GROUPS_25 = [f"g{i:02d}" for i in range(1, 26)]


def test_leave_one_group_out_tests_each_of_25_groups_once():
    made = rounds(loader(*GROUPS_25), Protocol(kind="leave_one_group_out"), seed=0)
    assert [groups_tested(one) for one in made] == [{g} for g in GROUPS_25]
    assert all(groups_trained(one) == set(GROUPS_25) - groups_tested(one) for one in made)
    assert len({one.folder for one in made}) == 25


def test_leave_one_group_out_ignores_a_split_that_is_on_disk():
    split = dict.fromkeys(GROUPS_25, "train") | {"g01": "test", "g02": "val"}
    made = rounds(loader(*GROUPS_25, splits=split), Protocol(kind="leave_one_group_out"), seed=0)
    assert [groups_tested(one) for one in made] == [{g} for g in GROUPS_25]
    assert not any(one.dataset.part("val") for one in made)


def test_folds_merge_groups_and_still_test_every_video_once():
    made = rounds(loader(*GROUPS_25), Protocol(kind="leave_one_group_out", folds=5), seed=0)
    assert len(made) == 5
    assert all(groups_trained(one).isdisjoint(groups_tested(one)) for one in made)
    times = Counter(r.name for one in made for r in one.dataset.part("test"))
    assert set(times.values()) == {1}
    assert len(times) == 100


def test_official_splits_are_loaded_by_number():
    asked = []

    def load(split):
        asked.append(split)
        return dataset(["g1", "g2"], layout="hmdb51", splits={"g1": "train", "g2": "test"})

    made = rounds(load, Protocol(kind="official_splits"), seed=0)
    assert asked == [1, 2, 3]
    assert [one.part for one in made] == ["split 1", "split 2", "split 3"]


def test_a_layout_without_official_splits_is_refused_with_a_cure():
    with pytest.raises(UsageError, match=r"no official splits.*--set protocol\.kind"):
        rounds(loader("g1", "g2"), Protocol(kind="official_splits"), seed=0)


def test_people_split_has_16_training_people_unless_validation_is_needed():
    load = loader(*(f"person{i:02d}" for i in range(1, 26)))
    (plain,) = rounds(load, Protocol(kind="people"), seed=0)
    assert (len(groups_trained(plain)), len(groups_tested(plain))) == (16, 9)
    assert groups_tested(plain) == {f"person{i:02d}" for i in (22, 2, 3, 5, 6, 7, 8, 9, 10)}
    (held,) = rounds(load, Protocol(kind="people"), seed=0, validation=True)
    assert (len(groups_trained(held)), len(groups_tested(held))) == (8, 9)
    assert len({r.group for r in held.dataset.part("val")}) == 8


def test_random_beside_group_has_the_same_share_and_only_one_leaks():
    load = loader(*(f"g{i:02d}" for i in range(1, 13)), per_group=4)
    at_random, by_group = rounds(load, Protocol(kind="random_and_group"), seed=0)
    assert (at_random.part, by_group.part) == ("random", "by group")
    assert len(at_random.dataset.part("test")) == len(by_group.dataset.part("test")) == 24
    assert groups_trained(by_group).isdisjoint(groups_tested(by_group))
    assert not groups_trained(at_random).isdisjoint(groups_tested(at_random))


def test_random_beside_group_needs_groups():
    load = lambda split: dataset([None])  # noqa: E731
    with pytest.raises(UsageError, match="no groups are known"):
        rounds(load, Protocol(kind="random_and_group"), seed=0)


def test_seeds_repeat_everything_and_change_a_split_that_is_made():
    load = loader(*GROUPS_25)
    made = rounds(load, Protocol(kind="split", seeds=3), seed=7)
    assert [one.seed for one in made] == [7, 8, 9]
    assert len({frozenset(groups_tested(one)) for one in made}) > 1
    assert len({one.folder for one in made}) == 3
    official = loader("g1", "g2", layout="ucf101", splits={"g1": "train", "g2": "test"})
    made = rounds(official, Protocol(kind="official_splits", seeds=2), seed=0)
    assert [(one.part, one.seed) for one in made] == [(f"split {n}", s) for s in (0, 1) for n in (1, 2, 3)]
    assert all(groups_tested(one) == {"g2"} for one in made)


def test_a_split_of_its_own_share():
    (made,) = rounds(loader(*GROUPS_25), Protocol(test_fraction=0.4), seed=0)
    assert len(groups_tested(made)) == 10


def measured(one, hits):
    """Metrics of a round in which the first `hits` test videos are right and the others wrong."""
    records = one.dataset.part("test")
    truth = np.array([LABELS.index(r.label) for r in records])
    predicted = np.where(np.arange(len(truth)) < hits, truth, 1 - truth)
    found = classification_metrics(
        np.eye(2)[predicted],
        truth,
        LABELS,
        train_counts=[5, 4],
        groups=[r.group for r in records],
        split=one.dataset.split_source,
    )
    return found | {"shuffled_accuracy": 0.5, "subsets": {}}


def test_mean_and_standard_deviation_over_official_splits():
    load = loader("g1", "g2", per_group=5, layout="hmdb51", splits={"g1": "train", "g2": "test"})
    protocol = Protocol(kind="official_splits")
    made = rounds(load, protocol, seed=0)
    whole = summarise(protocol, made, [measured(r, h) for r, h in zip(made, (10, 8, 6), strict=True)])
    assert whole["accuracy"] == pytest.approx(0.8)
    assert whole["protocol"]["mean"]["accuracy"] == pytest.approx(0.8)
    assert whole["protocol"]["std"]["accuracy"] == pytest.approx(0.2)
    assert [r["accuracy"] for r in whole["protocol"]["rounds"]] == pytest.approx([1, 0.8, 0.6])
    assert whole["n_test"] == 30
    # Wrong ones are the last of the second class, "walk": 0, 2 and 4 of 5 a round.
    assert whole["confusion"] == [[15, 0], [6, 9]]
    assert whole["per_class"][1]["recall"] == pytest.approx(9 / 15)
    assert whole["split"] == "mean over 3 official splits"


def test_leave_one_group_out_pools_classes_and_draws_over_groups():
    """A group that lacks a class must not count as a round of its own in the mean class accuracy."""
    records = [
        VideoRecord(Path(f"/v/{i}.avi"), label, group)
        for i, (label, group) in enumerate(
            [("run", "a"), ("run", "a"), ("run", "a"), ("walk", "b"), ("run", "b"), ("walk", "c")]
        )
    ]
    protocol = Protocol(kind="leave_one_group_out")
    made = rounds(lambda split: Dataset("folder", Path("/v"), LABELS, tuple(records)), protocol, seed=0)
    found = [measured(made[0], 3), measured(made[1], 1), measured(made[2], 0)]
    whole = summarise(protocol, made, found)
    # run: all 3 of a, 0 of 1 of b (the second there); walk: 1 of 1 of b, 0 of 1 of c
    assert whole["confusion"] == [[3, 1], [1, 1]]
    assert whole["mean_class_accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert whole["accuracy"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert whole["ci95_over"] == "rounds"
    assert whole["ci95"] is None, "three groups are too few"
    assert whole["n_test"] == 6


def test_seeds_give_mean_and_standard_deviation_over_their_means():
    load = loader("g1", "g2", per_group=5, layout="hmdb51", splits={"g1": "train", "g2": "test"})
    protocol = Protocol(kind="official_splits", seeds=2)
    made = rounds(load, protocol, seed=0)
    hits = (10, 8, 6, 9, 9, 3)
    whole = summarise(protocol, made, [measured(r, h) for r, h in zip(made, hits, strict=True)])
    assert [row["accuracy"] for row in whole["protocol"]["per_seed"]] == pytest.approx([0.8, 0.7])
    assert whole["protocol"]["seed_std"]["accuracy"] == pytest.approx(statistics.stdev([0.8, 0.7]))
    assert whole["protocol"]["std"]["accuracy"] == pytest.approx(statistics.stdev(h / 10 for h in hits))
    assert whole["accuracy"] == pytest.approx(0.75)
    assert whole["n_test"] == 30


def test_the_headline_of_random_and_group_is_the_group_aware_one():
    load = loader(*GROUPS_25, per_group=4)
    protocol = Protocol(kind="random_and_group")
    made = rounds(load, protocol, seed=0)
    count = len(made[1].dataset.part("test"))
    random_hits = len(made[0].dataset.part("test"))
    whole = summarise(protocol, made, [measured(made[0], random_hits), measured(made[1], count // 2)])
    assert whole["accuracy"] == pytest.approx(0.5)
    assert whole["n_test"] == count
    compared = whole["protocol"]["compared"]
    assert (compared["random"]["accuracy"], compared["by group"]["accuracy"]) == (1.0, 0.5)
    assert whole["protocol"]["differ"] is True


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0.9, 0.86, 0.94), (0.7, 0.66, 0.74), True),
        ((0.9, 0.80, 1.00), (0.8, 0.70, 0.90), False),
        # widths 0.08 and 0.06: the difference's own half-width is sqrt(0.04^2 + 0.03^2) = 0.05
        ((0.90, 0.86, 0.94), (0.849, 0.819, 0.879), True),
        ((0.90, 0.86, 0.94), (0.851, 0.821, 0.881), False),
    ],
)
def test_two_accuracies_differ_beyond_their_uncertainty(a, b, expected):
    first, second = ({"accuracy": x[0], "ci95": [x[1], x[2]]} for x in (a, b))
    assert differ(first, second) is expected
    assert differ(second, first) is expected


def test_pooling_goes_by_label_and_not_by_position():
    rows = lambda *labels: [{"label": label} for label in labels]  # noqa: E731
    labels, pooled = pooled_confusion(
        [
            {"per_class": rows("a", "b"), "confusion": [[1, 2], [3, 4]]},
            {"per_class": rows("b", "c"), "confusion": [[10, 20], [30, 40]]},
        ]
    )
    assert labels == ["a", "b", "c"]
    assert pooled.tolist() == [[1, 2, 0], [3, 14, 20], [0, 30, 40]]


def test_subsets_keep_every_figure_and_weigh_rounds_by_their_videos():
    """Two rounds of 1 and 9 videos of a subset: 1 of 1 and 3 of 9 right are 4 of 10, not two thirds."""

    def row(n_test, accuracy):
        named = {"accuracy": accuracy, "shuffled_accuracy": accuracy / 2, "accuracy_among": accuracy}
        return {"n_test": n_test, **named, "shuffled_accuracy_among": 0.25, "chance_among": 0.5}

    load = loader("g1", "g2", per_group=5, layout="hmdb51", splits={"g1": "train", "g2": "test"})
    protocol = Protocol(kind="official_splits")
    made = rounds(load, protocol, seed=0)
    empty = {"n_test": 0, "accuracy": None, "shuffled_accuracy": None}
    subsets = [{"pair": s, "none": empty} for s in (row(1, 1.0), row(9, 1 / 3), empty)]
    found = [measured(r, 10) | {"subsets": s} for r, s in zip(made, subsets, strict=True)]
    whole = summarise(protocol, made, found)
    assert whole["subsets"]["pair"] == pytest.approx(row(10, 0.4))
    assert whole["subsets"]["none"] == empty
    run, shuffled, majority = comparisons(whole)
    assert run.accuracy == pytest.approx({"all": 1.0, "pair": 0.4, "pair, among themselves": 0.4})
    assert shuffled.accuracy == pytest.approx({"all": 0.5, "pair": 0.2, "pair, among themselves": 0.25})
    assert majority.accuracy["pair, among themselves"] == 0.5


def test_a_random_split_alone_is_that_of_the_pair_and_ignores_groups():
    load = loader(*GROUPS_25)
    (alone,) = rounds(load, Protocol(kind="random"), seed=0)
    pair = rounds(load, Protocol(kind="random_and_group"), seed=0)
    assert [r.split for r in alone.dataset.records] == [r.split for r in pair[0].dataset.records]
    assert groups_tested(alone) & groups_trained(alone)
    assert "at random" in alone.dataset.split_source
    whole = summarise(Protocol(kind="random"), [alone], [measured(alone, 5)])
    assert whole["n_test"] == len(alone.dataset.part("test"))
