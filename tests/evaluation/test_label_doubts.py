"""Labels that look wrong: planted ones are found, right ones are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from kinema.evaluation.label_doubts import label_doubts, left_out_scores


def blobs(per_class: int, classes: int = 3, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(classes), per_class)
    centres = random.normal(size=(classes, 12))
    return centres[labels] + noise * random.normal(size=(len(labels), 12)), labels


def each(count: int) -> list[str]:
    return [str(i) for i in range(count)]


def test_scores_are_those_of_fits_without_the_unit() -> None:
    x, labels = blobs(10)
    targets = np.where(np.arange(3) == labels[:, None], 1.0, -1.0)
    units = [f"g{i % 7}" for i in range(30)]
    for strength, scores in zip(
        (0.1, 3.0), left_out_scores(x @ x.T, targets, units, (0.1, 3.0)), strict=True
    ):
        for unit in set(units):
            inside = np.array([u == unit for u in units])
            other = Ridge(alpha=strength).fit(x[~inside], targets[~inside])
            np.testing.assert_allclose(scores[inside], other.predict(x[inside]), atol=1e-8)


@pytest.mark.parametrize("units_of", [1, 2])
def test_planted_labels_are_found_and_no_others(units_of: int) -> None:
    x, truth = blobs(30)
    planted = [2, 17, 40, 58, 77]
    labels = truth.copy()
    labels[planted] = (truth[planted] + 1) % 3
    found = label_doubts(x @ x.T, labels, [str(i // units_of) for i in range(90)], 3)
    assert {doubt.row for doubt in found} == set(planted)
    assert all(doubt.predicted == truth[doubt.row] for doubt in found)
    assert all(doubt.score > 0.5 > 0.2 > doubt.given for doubt in found)
    gaps = [doubt.score - doubt.given for doubt in found]
    assert gaps == sorted(gaps, reverse=True), "surest first"


def test_no_doubt_where_classes_are_clear() -> None:
    x, labels = blobs(30)
    assert label_doubts(x @ x.T, labels, each(90), 3) == []


def test_no_doubt_where_nothing_is_known() -> None:
    """Features that say nothing of the classes contradict no label surely."""
    x, labels = np.random.default_rng(0).normal(size=(60, 12)), np.arange(60) % 2
    assert label_doubts(x @ x.T, labels, each(60), 2) == []


def test_a_class_of_few_videos_is_not_judged() -> None:
    """Without the video, three of its class are left, which the others surely contradict."""
    x, labels = blobs(30, 2, noise=0.05)
    x[:4], labels[:4] = x[30:34], 2
    assert {d.row for d in label_doubts(x @ x.T, labels, each(60), 3)} == set()
    x[4], labels[4] = x[34], 2
    assert {d.row for d in label_doubts(x @ x.T, labels, each(60), 3)} == {0, 1, 2, 3, 4}
