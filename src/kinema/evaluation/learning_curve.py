"""Accuracy against the number of training videos, and whether more of them would help.

The classifier is ridge regression on a kernel (`kinema.model.ridge`), fitted anew on stratified parts of the
training videos, whole groups or files at a time, and tested on the same videos each time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ..datasets.balance import choose_units, folds_of_units
from ..model import ridge
from .protocols import spread

FRACTIONS = (0.1, 0.2, 0.4, 0.7, 1.0)
DRAWS = 3  # parts of one size that are drawn
FOLDS = 5  # by which a fit chooses its strength
FEWEST_POINTS = 3
# Standard errors that make a gain sure, and the gain (in accuracy) below which one is small.
SURE, SMALL = 2.0, 0.02

Answer = Literal["yes", "no", "unclear"]


@dataclass(frozen=True, slots=True)
class Trial:
    """Rows to train on and rows to test, of a kernel float64 [N, N] between all videos."""

    train: np.ndarray
    test: np.ndarray
    kernel: np.ndarray


@dataclass(frozen=True, slots=True)
class Curve:
    """`points` are the rows of `learning_curve` in metrics.json, by size. `gain` is the mean difference of
    accuracy between the last two, on the same test videos, and `error` its standard error over units."""

    points: list[dict[str, Any]]
    gain: float
    error: float

    @property
    def more_videos(self) -> Answer:
        """Would more videos help? Only what the gain and its uncertainty allow."""
        if self.gain > SURE * self.error:
            return "yes"
        return "no" if self.gain + SURE * self.error < SMALL else "unclear"


@dataclass(slots=True)
class _Size:
    """What was found at one size: per draw the hits of each trial's test rows, and numbers of videos."""

    hits: list[list[np.ndarray]]
    counts: list[int] = field(default_factory=list)

    @property
    def by_draw(self) -> np.ndarray:
        """Hits [draws, tests]."""
        return np.stack([np.concatenate(own) for own in self.hits]).astype(float)


def learning_curve(
    trials: Iterable[Trial], labels: np.ndarray, units: Sequence[str], classes: int
) -> Curve | None:
    """The curve over all trials, whose test rows count once each; labels int [N], a unit per row.

    Sizes at which a class would be gone are left out. None where fewer than `FEWEST_POINTS` are left.
    """
    unit_of = np.asarray(units, dtype=object)
    sizes = {f: _Size([[] for _ in range(DRAWS if f < 1 else 1)]) for f in FRACTIONS}
    tested = []
    for trial in trials:
        tested.append(trial.test)
        factor = _factor(trial.kernel)
        for fraction in list(sizes):
            for draw, hits in enumerate(sizes[fraction].hits):
                rows = _part(trial.train, labels, unit_of, fraction, draw)
                if len(np.unique(labels[rows])) < len(np.unique(labels[trial.train])):
                    del sizes[fraction]
                    break
                hits.append(_hits(factor, rows, trial.test, labels, unit_of, classes))
                sizes[fraction].counts.append(len(rows))
    points = {round(float(np.mean(size.counts))): size for size in sizes.values()}
    if len(points) < FEWEST_POINTS:
        return None
    before, last = list(points.values())[-2:]
    gains = last.by_draw.mean(0) - before.by_draw.mean(0)
    gain, error = _mean_and_error(gains, unit_of[np.concatenate(tested)])
    return Curve([_point(count, size) for count, size in points.items()], gain, error)


def _point(count: int, size: _Size) -> dict[str, Any]:
    accuracies = size.by_draw.mean(1)
    return {"n_train": count, "accuracy": float(accuracies.mean()), "std": spread(accuracies.tolist())}


def _factor(kernel: np.ndarray) -> np.ndarray:
    """Rows x [N, N] whose products are the kernel: K = x x'."""
    values, vectors = np.linalg.eigh(kernel)
    return vectors * np.sqrt(np.maximum(values, 0))


def _part(train: np.ndarray, labels: np.ndarray, units: np.ndarray, fraction: float, draw: int) -> np.ndarray:
    if fraction == 1:
        return train
    return train[np.array(choose_units(list(units[train]), [str(k) for k in labels[train]], fraction, draw))]


def _hits(
    x: np.ndarray, rows: np.ndarray, test: np.ndarray, labels: np.ndarray, units: np.ndarray, classes: int
) -> np.ndarray:
    """Which test rows a classifier fitted on `rows` gets right, bool."""
    folds = folds_of_units(list(units[rows]), [str(k) for k in labels[rows]], FOLDS, 0)
    found = ridge.fit(x[rows], labels[rows], [x.shape[1]], classes=classes, folds=folds)
    scores = x[test] @ found.weights.T + found.offsets
    return scores.argmax(1) == labels[test]


def _mean_and_error(values: np.ndarray, units: np.ndarray) -> tuple[float, float]:
    """Mean of values [n] and its standard error over whole units.

    One video more, as far from the mean as it can be, keeps the error of few units without any difference
    from being zero.
    """
    mean = float(values.mean())
    _, unit_of = np.unique(units, return_inverse=True)
    sums = np.bincount(unit_of, weights=values - mean)
    return mean, float(np.sqrt(np.square(sums).sum() + 1) / len(values))
