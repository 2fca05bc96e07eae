from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import precision_recall_fscore_support, top_k_accuracy_score

from kinema.evaluation.metrics import classification_metrics, confidence_interval, per_class, top_k


def scores_of(predicted, classes):
    """One-hot scores whose argmax is `predicted`."""
    return np.eye(classes, dtype=np.float32)[np.asarray(predicted)]


def metrics_of(truth, predicted, labels, **settings):
    defaults = {"train_counts": [1] * len(labels), "groups": [None] * len(truth), "split": "by hand"}
    scores = scores_of(predicted, len(labels))
    return classification_metrics(scores, np.asarray(truth), labels, **(defaults | settings))


def test_a_case_worked_out_by_hand():
    # truth  run run run walk walk jump ; predicted  run run walk walk run jump
    found = metrics_of([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2], ("run", "walk", "jump"))
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["mean_class_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert found["confusion"] == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert found["n_test"] == 6
    assert found["split"] == "by hand"
    run = found["per_class"][0]
    assert run == pytest.approx(
        {"label": "run", "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3}
    )


def test_mean_class_accuracy_leaves_out_a_class_without_test_videos():
    found = metrics_of([0, 0, 1], [0, 2, 1], ("run", "walk", "jump"))
    assert found["mean_class_accuracy"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["per_class"][2]["support"] == 0
    assert found["per_class"][2]["recall"] == 0.0


def test_majority_baseline_is_the_test_share_of_the_largest_training_class():
    found = metrics_of([0, 0, 0, 1], [0, 0, 0, 1], ("run", "walk"), train_counts=[3, 9])
    assert found["majority_class"] == "walk"
    assert found["majority_baseline"] == pytest.approx(1 / 4)


def test_top_k_by_hand():
    scores = np.array([[0.5, 0.3, 0.2, 0.0], [0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]])
    truth = np.array([1, 0, 3])
    assert top_k(scores, truth, 1) == 0.0
    assert top_k(scores, truth, 2) == pytest.approx(1 / 3)
    assert top_k(scores, truth, 3) == pytest.approx(1 / 3)  # ties go to the earlier class
    assert top_k(scores, truth, 4) == 1.0
    assert top_k(scores, truth, 5) == 1.0


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_top_k_agrees_with_scikit_learn(seed, k):
    rng = np.random.default_rng(seed)
    scores, truth = rng.random((20, 5)), rng.integers(0, 5, 20)
    assert top_k(scores, truth, k) == pytest.approx(top_k_accuracy_score(truth, scores, k=k, labels=range(5)))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_per_class_agrees_with_scikit_learn(pairs):
    truth, predicted = map(np.array, zip(*pairs, strict=True))
    found = metrics_of(truth, predicted, ("a", "b", "c", "d"))
    expected = precision_recall_fscore_support(truth, predicted, labels=range(4), zero_division=0)
    rows = zip(("precision", "recall", "f1", "support"), expected, strict=True)
    for key, values in rows:
        assert [row[key] for row in found["per_class"]] == pytest.approx(values.tolist())
    recall, support = expected[1], expected[3]
    assert found["mean_class_accuracy"] == pytest.approx(recall[support > 0].mean())


def test_per_class_of_an_empty_matrix_is_zero():
    assert per_class(np.zeros((1, 1), int), ["a"]) == [
        {"label": "a", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    ]


def test_interval_without_groups_is_clopper_pearson():
    hits = np.array([True] * 17 + [False] * 3)
    low, high = confidence_interval(hits, [None] * 20)
    assert low == pytest.approx(stats.beta.ppf(0.025, 17, 4))
    assert high == pytest.approx(stats.beta.ppf(0.975, 18, 3))


def test_interval_over_groups_agrees_with_a_plain_bootstrap():
    rng = np.random.default_rng(3)
    groups = [f"g{i:02d}" for i in range(20) for _ in range(i % 4 + 1)]
    chance = {g: rng.uniform(0.4, 1) for g in set(groups)}
    hits = np.array([rng.random() < chance[g] for g in groups])
    means = []
    for _ in range(4000):  # slow and obvious: draw groups, put their clips side by side
        drawn = rng.choice(sorted(set(groups)), 20)
        clips = np.concatenate([hits[np.array(groups) == g] for g in drawn])
        means.append(clips.mean())
    low, high = confidence_interval(hits, groups)
    assert low == pytest.approx(np.percentile(means, 2.5), abs=0.02)
    assert high == pytest.approx(np.percentile(means, 97.5), abs=0.02)


def test_clips_of_one_group_are_no_independent_evidence():
    hits = np.array([True, False] * 10)
    apart = confidence_interval(np.repeat(hits, 5), [f"g{i}" for i in range(100)])
    together = confidence_interval(np.repeat(hits, 5), [f"g{i // 5}" for i in range(100)])
    assert together[1] - together[0] > 1.8 * (apart[1] - apart[0])  # sqrt(5), but for chance


def test_groups_that_all_agree_count_as_one_clip_each():
    low, high = confidence_interval(np.ones(50, bool), [f"g{i // 10}" for i in range(50)])
    assert (low, high) == pytest.approx((stats.beta.ppf(0.025, 5, 1), 1.0))
    assert metrics_of([0], [0], ("a", "b"), groups=["g1"])["ci95_over"] == "groups"
    assert metrics_of([0], [0], ("a", "b"))["ci95_over"] == "videos"
