"""Labels that are probably wrong: training videos that a classifier of all others contradicts surely.

Every video is scored by ridge regression without the video and its whole unit (group or file). Of a fit with
a quadratic penalty these scores need no second fit: with the matrix H that maps targets to fitted values,
the residuals of unit u when it is left out are (I - H_uu)^-1 (y_u - H_u y).

A label is doubted by confident learning's rule (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068): another
class has at least the probability that it has, on average, for videos of its own label; and, for the surest
alone, the given one has less than `UNLIKELY`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from ..model import ridge

UNLIKELY = 0.2
# Videos of its class in other units without which a label is not judged.
FEWEST_OTHERS = 4


@dataclass(frozen=True, slots=True)
class Doubt:
    """Row of a video, the class that contradicts its label, and the probabilities of both."""

    row: int
    predicted: int
    score: float
    given: float


def label_doubts(kernel: np.ndarray, labels: np.ndarray, units: Sequence[str], classes: int) -> list[Doubt]:
    """The doubted labels, surest first, from a kernel float64 [N, N], labels int [N] and a unit per row."""
    probabilities = _left_out_probabilities(kernel, labels, units, classes)
    rows = np.arange(len(labels))
    given = probabilities[rows, labels]
    usual = [given[labels == k].mean() if (labels == k).any() else np.inf for k in range(classes)]
    others = np.where(probabilities >= usual, probabilities, 0.0)
    others[rows, labels] = 0.0
    best = others.max(1)
    doubted = (best > 0) & (given < UNLIKELY) & _judged(labels, units)
    found = [Doubt(int(i), int(others[i].argmax()), float(best[i]), float(given[i])) for i in rows[doubted]]
    return sorted(found, key=lambda doubt: doubt.given - doubt.score)


def left_out_scores(
    kernel: np.ndarray, targets: np.ndarray, units: Sequence[str], strengths: Sequence[float]
) -> list[np.ndarray]:
    """For every strength the scores [N, C] of each row by ridge regression on all other units' rows."""
    count = len(kernel)
    middle = kernel.mean(0)
    values, vectors = np.linalg.eigh(kernel - middle - middle[:, None] + middle.mean())
    values = np.maximum(values, 0)
    unit_of = np.asarray(units, dtype=object)
    members = [np.flatnonzero(unit_of == unit) for unit in dict.fromkeys(units)]
    found = []
    for strength in strengths:
        hat = (vectors * (values / (values + strength))) @ vectors.T + 1 / count
        residuals, scores = targets - hat @ targets, targets.copy()
        for own in members:
            scores[own] -= np.linalg.solve(np.eye(len(own)) - hat[np.ix_(own, own)], residuals[own])
        found.append(scores)
    return found


def _left_out_probabilities(
    kernel: np.ndarray, labels: np.ndarray, units: Sequence[str], classes: int
) -> np.ndarray:
    """[N, C] at the strength of the least error, and the temperature of the least log loss."""
    targets = ridge.class_targets(labels, classes)
    scores = min(
        left_out_scores(kernel, targets, units, ridge.STRENGTHS),
        key=lambda own: float(ridge.errors(own, targets).mean()),
    )
    return softmax(scores / ridge.best_temperature(scores, labels)[1], axis=1)


def _judged(labels: np.ndarray, units: Sequence[str]) -> np.ndarray:
    """Whether enough videos of a row's class are in other units, bool [N]."""
    unit_of = np.asarray(units, dtype=object)
    same = labels[:, None] == labels
    return (same & (unit_of[:, None] != unit_of)).sum(1) >= FEWEST_OTHERS
