"""A linear classifier in closed form: ridge regression of +1 (the class) and -1 (every other) on embeddings.

    minimise over W, b:   sum_i s_i |y_i - W x_i - b|^2 + strength * sum_k |W_k|^2 / share_k

The embedding x is made of blocks k (the statistics of a stream); shares sum to 1, and a
block of a larger one is penalised less. The offset b is free. This is regression with the kernel
K = sum_k share_k X_k X_k', whose scores of held-out rows need the Gram matrices of the blocks alone: shares
and strength are chosen by the absolute error of held-out folds, without gradient descent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import linalg
from scipy.special import log_softmax

STRENGTHS = tuple(10.0 ** (k / 2) for k in range(-4, 4))
# What a block's share is multiplied by in the search.
FACTORS = (0.0, 0.25, 4.0)
ROUNDS = 2
# A share is changed only where the mean gain over videos is more than this many of its standard errors: the
# folds of few videos would choose noise.
SURE = 2.0
TEMPERATURES = np.logspace(-2, 1, 31)


@dataclass(frozen=True, slots=True)
class Ridge:
    """`weights` float64 [C, E] and `offsets` [C] give scores W x + b; `shares` [K] and `strength` as chosen.

    `held_out` float64 [N, C] are the scores of each training row by the fold that did not see it (empty
    without folds), `temperature` what they must be divided by for the least log loss as softmax logits.
    """

    weights: np.ndarray
    offsets: np.ndarray
    shares: np.ndarray
    strength: float
    held_out: np.ndarray
    temperature: float = 1.0


def fit(
    x: np.ndarray,
    labels: np.ndarray,
    sizes: Sequence[int],
    *,
    classes: int,
    folds: Sequence[int] | None = None,
    sample_weights: np.ndarray | None = None,
) -> Ridge:
    """Fit on embeddings [N, E] of blocks of these `sizes` and labels int [N].

    `folds` gives each row's fold; None leaves the shares equal and the strength at 1. `sample_weights` are
    s_i.
    """
    x = np.asarray(x, np.float64)
    targets = class_targets(labels, classes)
    s = np.ones(len(x)) if sample_weights is None else np.asarray(sample_weights, np.float64)
    edges = np.cumsum([0, *sizes])
    blocks = [x[:, a:b] for a, b in pairwise(edges)]
    shares, strength = np.full(len(sizes), 1 / len(sizes)), 1.0
    held_out, temperature = np.zeros((0, classes)), 1.0
    if folds is not None:
        search = _Search([b @ b.T for b in blocks], targets, labels, s, np.asarray(folds))
        shares, strength = search.shares()
        held_out = search.held_out(shares, [strength])[0]
        temperature = best_temperature(held_out, labels)[1]
    scale = np.repeat(shares, sizes)
    weights, offsets = _solve(x * np.sqrt(scale), targets, s, strength)
    return Ridge(weights * np.sqrt(scale), offsets, shares, strength, held_out, temperature)


def class_targets(labels: np.ndarray, classes: int) -> np.ndarray:
    """+1 for each row's class and -1 for every other, float64 [N, C]."""
    return np.where(np.arange(classes) == labels[:, None], 1.0, -1.0)


def errors(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The mean absolute error of each row's scores [N, C], by which strengths and shares are judged.

    Not the squared error, which a few rows far on the wrong side decide: where mistakes are many it asks for
    a penalty that costs accuracy. The log loss behind a temperature asks for a stronger one still, since the
    temperature makes up for what the penalty does to the scores.
    """
    return np.asarray(np.abs(scores - targets).mean(1))


def best_temperature(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """(mean log loss of softmax(scores / T), T) at the T of the least smoothed log loss, on a grid.

    Smoothed as by Platt (1999): each of n rows counts as its class with (n + 1) / (n + 2) and as any other
    with the rest, so that a few rows without a mistake do not make certainties.
    """
    count, classes = scores.shape
    wanted = np.full(scores.shape, 1 / (count + 2) / max(classes - 1, 1))
    wanted[np.arange(count), labels] = (count + 1) / (count + 2)
    smoothed = [-(wanted * log_softmax(scores / t, axis=1)).sum() for t in TEMPERATURES]
    best = float(TEMPERATURES[int(np.argmin(smoothed))])
    return float(log_losses(scores / best, labels).mean()), best


def log_losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """-log of the softmax probability of each row's class, [N]."""
    return -log_softmax(logits, axis=1)[np.arange(len(labels)), labels]


@dataclass(slots=True)
class _Search:
    """Shares and strength by held-out folds; everything it needs are the Gram matrices of the blocks."""

    grams: list[np.ndarray]
    targets: np.ndarray
    labels: np.ndarray
    sample_weights: np.ndarray
    folds: np.ndarray

    def shares(self) -> tuple[np.ndarray, float]:
        """The best shares and strength: from equal ones, one at a time is tried larger, smaller and at 0."""
        raw = np.ones(len(self.grams))
        losses, strength = self._losses(raw)
        for _ in range(ROUNDS if len(raw) > 1 else 0):
            before = raw
            for block in range(len(raw)):
                for trial in _trials(raw, block):
                    trial_losses, trial_strength = self._losses(trial)
                    if _surely_less(trial_losses, losses):
                        losses, strength, raw = trial_losses, trial_strength, trial
            if raw is before:
                break
        return raw / raw.sum(), strength

    def _losses(self, raw: np.ndarray) -> tuple[np.ndarray, float]:
        """The held-out `errors` of every row at the strength of the least mean, and that strength."""
        best, chosen = np.full(len(self.labels), np.inf), STRENGTHS[0]
        for scores, strength in zip(self.held_out(raw / raw.sum(), STRENGTHS), STRENGTHS, strict=True):
            losses = errors(scores, self.targets)
            if losses.mean() < best.mean():
                best, chosen = losses, strength
        return best, chosen

    def held_out(self, shares: np.ndarray, strengths: Sequence[float]) -> list[np.ndarray]:
        """For every strength the scores [N, C] of all rows, each by the fold that did not see it."""
        kernel = sum(share * gram for share, gram in zip(shares, self.grams, strict=True))
        out = [np.zeros(self.targets.shape) for _ in strengths]
        for fold in np.unique(self.folds):
            inside, outside = self.folds == fold, self.folds != fold
            scores = _kernel_scores(
                kernel[np.ix_(outside, outside)],
                kernel[np.ix_(inside, outside)],
                self.targets[outside],
                self.sample_weights[outside],
                strengths,
            )
            for whole, part in zip(out, scores, strict=True):
                whole[inside] = part
        return out


def _trials(raw: np.ndarray, block: int) -> list[np.ndarray]:
    """The shares with one block's changed; never all of them zero."""
    values = [raw[block] * factor for factor in FACTORS] if raw[block] else [1.0]
    trials = []
    for value in values:
        trial = raw.copy()
        trial[block] = value
        if trial.any():
            trials.append(trial)
    return trials


def _surely_less(new: np.ndarray, old: np.ndarray) -> bool:
    gain = old - new
    return bool(gain.mean() > SURE * gain.std() / len(gain) ** 0.5)


def _kernel_scores(
    train: np.ndarray, test: np.ndarray, targets: np.ndarray, s: np.ndarray, strengths: Sequence[float]
) -> list[np.ndarray]:
    """Scores of test rows, for every strength, by one eigendecomposition of the centred, weighted kernel."""
    share, root = s / s.sum(), np.sqrt(s)[:, None]
    middle = train @ share
    centred = train - middle - middle[:, None] + share @ middle
    values, vectors = linalg.eigh(root * centred * root.T)
    mean = share @ targets
    projected = vectors.T @ (root * (targets - mean))
    found = []
    for strength in strengths:
        alpha = root * (vectors @ (projected / (np.maximum(values, 0)[:, None] + strength)))
        found.append((test - middle) @ alpha + mean)
    return found


def _solve(
    x: np.ndarray, targets: np.ndarray, s: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """(W [C, E], b [C]) of plain weighted ridge regression, in the smaller of rows and columns."""
    share, root = s / s.sum(), np.sqrt(s)[:, None]
    centre, mean = share @ x, share @ targets
    rows, wanted = root * (x - centre), root * (targets - mean)
    if len(x) <= x.shape[1]:
        inner = rows @ rows.T + strength * np.eye(len(x))
        weights = (rows.T @ linalg.solve(inner, wanted, assume_a="pos")).T
    else:
        inner = rows.T @ rows + strength * np.eye(x.shape[1])
        weights = linalg.solve(inner, rows.T @ wanted, assume_a="pos").T
    return weights, mean - weights @ centre
