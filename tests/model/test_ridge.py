"""Ridge regression in closed form against scikit-learn; shares, folds and temperature."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from kinema.model import ridge


def rows(n: int, size: int, classes: int, seed: int, apart: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    return random.normal(size=(n, size)) + apart * random.normal(size=(classes, size))[labels], labels


def sklearn_fit(x, labels, classes, strength, weights=None):
    targets = np.where(np.arange(classes) == labels[:, None], 1.0, -1.0)
    return Ridge(alpha=strength, solver="svd").fit(x, targets, sample_weight=weights)


@pytest.mark.parametrize("size", [5, 60])
@pytest.mark.parametrize("weighted", [False, True])
def test_solution_is_scikit_learns(size: int, weighted: bool) -> None:
    x, labels = rows(30, size, 3, seed=0)
    weights = np.linspace(0.2, 3, 30) if weighted else None
    found = ridge.fit(x, labels, [size], classes=3, sample_weights=weights)
    theirs = sklearn_fit(x, labels, 3, found.strength, weights)
    np.testing.assert_allclose(found.weights, theirs.coef_, atol=1e-9)
    np.testing.assert_allclose(found.offsets, theirs.intercept_, atol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_held_out_scores_are_those_of_a_fit_without_the_fold(weighted: bool) -> None:
    x, labels = rows(40, 12, 4, seed=1)
    folds, weights = np.arange(40) // 8, np.linspace(0.5, 2, 40) if weighted else None
    found = ridge.fit(x, labels, [8, 4], classes=4, folds=folds, sample_weights=weights)
    scaled = x * np.sqrt(np.repeat(found.shares, [8, 4]))
    for fold in range(5):
        inside = folds == fold
        own = None if weights is None else weights[~inside]
        theirs = sklearn_fit(scaled[~inside], labels[~inside], 4, found.strength, own)
        np.testing.assert_allclose(found.held_out[inside], theirs.predict(scaled[inside]), atol=1e-8)
    whole = sklearn_fit(scaled, labels, 4, found.strength, weights)
    np.testing.assert_allclose(x @ found.weights.T + found.offsets, whole.predict(scaled), atol=1e-8)


def test_a_block_of_noise_loses_its_share_and_the_strength_is_the_best_of_the_grid() -> None:
    x, labels = rows(80, 6, 2, seed=2, apart=0.8)
    noise = np.random.default_rng(3).normal(size=(80, 3))
    folds = np.arange(80) // 2 % 5
    found = ridge.fit(np.hstack([x / 6**0.5, noise / 3**0.5]), labels, [6, 3], classes=2, folds=folds)
    assert found.shares.sum() == pytest.approx(1)
    assert found.shares[0] > 0.75
    scaled = np.hstack([x / 6**0.5, noise / 3**0.5]) * np.sqrt(np.repeat(found.shares, [6, 3]))
    losses = {}
    for strength in ridge.STRENGTHS:
        scores = np.zeros((80, 2))
        for fold in range(5):
            inside = folds == fold
            scores[inside] = sklearn_fit(scaled[~inside], labels[~inside], 2, strength).predict(
                scaled[inside]
            )
        losses[strength] = np.abs(scores - np.where(np.arange(2) == labels[:, None], 1, -1)).mean()
    assert min(losses, key=losses.__getitem__) == found.strength


def test_temperature_is_where_the_log_loss_is_least() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(20000, 3)) * 2
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (random.random((20000, 1)) > chances.cumsum(1)).sum(1)
    assert ridge.best_temperature(logits * 0.1, labels)[1] == pytest.approx(0.1, rel=0.13)


def test_a_class_without_rows_never_wins() -> None:
    x, labels = rows(20, 4, 2, seed=4)
    found = ridge.fit(x, labels, [4], classes=3, folds=np.arange(20) // 2 % 4)
    assert (x @ found.weights.T + found.offsets).argmax(1).max() < 2
    np.testing.assert_allclose(found.weights[2], 0, atol=1e-9)
    assert found.offsets[2] == pytest.approx(-1)
