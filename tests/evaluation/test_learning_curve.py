"""The learning curve against fits made by hand, and what it may say of more videos."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from kinema.evaluation import learning_curve as module
from kinema.evaluation.learning_curve import FRACTIONS, Curve, Trial, learning_curve


def blobs(count: int, noise: float, dims: int = 20, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two classes in turn around two points: features [N, D] and labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    centre = random.normal(size=dims) / dims**0.5
    return np.where(labels[:, None] == 1, centre, -centre) + noise * random.normal(size=(count, dims)), labels


def trials(x: np.ndarray, count: int = 4) -> list[Trial]:
    fold = np.arange(len(x)) // 2 % count
    return [Trial(np.flatnonzero(fold != k), np.flatnonzero(fold == k), x @ x.T) for k in range(count)]


def curve_of(x: np.ndarray, labels: np.ndarray, units: list[str] | None = None) -> Curve | None:
    return learning_curve(trials(x), labels, units or [str(i) for i in range(len(x))], 2)


def test_its_last_point_is_the_accuracy_of_ridge_regression_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.ridge, "STRENGTHS", (1.0,))
    x, labels = blobs(80, 0.6)
    found = curve_of(x, labels)
    assert found is not None
    hits = []
    for trial in trials(x):
        other = Ridge(alpha=1.0).fit(x[trial.train], 2.0 * labels[trial.train] - 1)
        hits.append((other.predict(x[trial.test]) > 0) == labels[trial.test])
    assert found.points[-1] == {"n_train": 60, "accuracy": np.concatenate(hits).mean(), "std": None}
    assert [p["n_train"] for p in found.points] == [round(60 * f) for f in FRACTIONS]
    assert all(p["std"] >= 0 for p in found.points[:-1])


def test_it_rises_where_videos_are_wanting_and_says_so() -> None:
    """Every video has one like it, in another fold; of all others its class cannot be told."""
    random = np.random.default_rng(0)
    labels = np.tile(random.permutation(60) % 2, 2)
    x = np.tile(random.normal(size=(60, 200)), (2, 1)) + 0.1 * random.normal(size=(120, 200))
    found = curve_of(x, labels)
    assert found is not None
    accuracies = [p["accuracy"] for p in found.points]
    assert accuracies == sorted(accuracies)
    assert found.gain == pytest.approx(accuracies[-1] - accuracies[-2])
    assert found.gain > 0.1
    assert found.more_videos == "yes"


def test_it_is_flat_where_few_videos_are_enough() -> None:
    found = curve_of(*blobs(200, 0.05))
    assert found is not None
    assert found.more_videos == "no"
    assert found.points[0]["accuracy"] == 1.0


def test_few_videos_without_a_difference_say_nothing() -> None:
    found = curve_of(*blobs(40, 0.05))
    assert found is not None
    assert found.gain == 0
    assert found.more_videos == "unclear"


def test_whole_units_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = blobs(120, 0.6)
    units, drawn = [f"g{i // 6}" for i in range(120)], []
    fit = module.ridge.fit

    def remember(rows: np.ndarray, *args: object, **options: object) -> object:
        drawn.append({int(np.abs(factor - row).sum(1).argmin()) for row in rows for factor in [whole]})
        return fit(rows, *args, **options)  # type: ignore[arg-type]

    whole = module._factor(x @ x.T)
    monkeypatch.setattr(module.ridge, "fit", remember)
    fold = np.arange(120) // 6 % 4
    one = Trial(np.flatnonzero(fold != 0), np.flatnonzero(fold == 0), x @ x.T)
    assert learning_curve([one], labels, units, 2) is not None
    for rows in drawn:
        chosen = {units[row] for row in rows}
        assert len(rows) == 6 * len(chosen)


def test_no_curve_where_a_class_would_be_gone() -> None:
    x, labels = blobs(40, 0.6)
    labels = np.where(np.arange(40) == 1, 1, 0)
    fold = np.arange(40) % 4
    one = [Trial(np.flatnonzero(fold != 0), np.flatnonzero(fold == 0), x @ x.T)]
    assert learning_curve(one, labels, [str(i) for i in range(40)], 2) is None


@pytest.mark.parametrize(
    ("gain", "error", "answer"),
    [
        (0.05, 0.01, "yes"),
        (0.02, 0.011, "unclear"),
        (0.0, 0.009, "no"),
        (0.0, 0.011, "unclear"),
        (-0.05, 0.01, "no"),
    ],
)
def test_no_more_is_claimed_than_the_uncertainty_allows(gain: float, error: float, answer: str) -> None:
    assert Curve([], gain, error).more_videos == answer


def test_the_error_is_that_of_whole_units() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=50)
    _, alone = module._mean_and_error(values, np.arange(50))
    assert alone == pytest.approx(values.std() / 50**0.5, rel=0.02)
    _, paired = module._mean_and_error(np.repeat(values, 4), np.repeat(np.arange(50), 4))
    assert paired == pytest.approx(alone, rel=0.02), "copies of a video tell nothing new"
