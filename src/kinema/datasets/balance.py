"""Choosing whole units (groups, files) so that every class gets its share: pure functions on lists."""

from collections.abc import Sequence

import numpy as np

_RESTARTS = 24
_RESTART_UNITS = 4000  # units tried over all starts: with many units the first start is good


def choose_units(units: Sequence[str], labels: Sequence[str], fraction: float, seed: int) -> list[bool]:
    """Which items belong to the chosen part: about `fraction` of every class, never half a unit.

    `units` and `labels` hold one entry per item. Every class keeps a unit outside the chosen
    part, and has one inside it where that is possible. From a random start single units are moved as long
    as this improves the class shares; more starts follow while a class is missing on one side.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"fraction must be from 0 to below 1, got {fraction}")
    counts, unit_of = _count(units, labels)
    rng = np.random.default_rng(seed)
    best, best_cost = np.zeros(len(counts), bool), np.inf
    starts = max(1, min(_RESTARTS, _RESTART_UNITS // len(counts))) if fraction else 0
    for attempt in range(starts):
        if attempt:  # units at random, for data whose units do not fit the shares
            start = rng.random(len(counts)) < rng.random()
        else:
            start = _fair_start(counts, fraction, rng)
        chosen, cost = _descend(counts, start, fraction)
        if cost < best_cost - 1e-12:
            best, best_cost = chosen, cost
        if best_cost < 1:  # no class is missing; stop here, so that seeds give different splits
            break
    return best[unit_of].tolist()


def assign_folds(units: Sequence[str], labels: Sequence[str], folds: int, seed: int) -> list[int]:
    """A fold number per item: whole units, large ones first, each to the fold that lacks its classes most."""
    counts, unit_of = _count(units, labels)
    shares = counts / counts.sum(0)
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-shares[order].sum(1), kind="stable")]
    load = np.zeros((folds, counts.shape[1]))
    fold_of = np.zeros(len(counts), int)
    for place, unit in enumerate(order):
        cost = ((load + shares[unit]) ** 2 - load**2).sum(1)
        if len(order) - place <= (empty := load.sum(1) == 0).sum():
            cost[~empty] = np.inf  # so that no fold stays empty
        fold_of[unit] = np.argmin(cost)
        load[fold_of[unit]] += shares[unit]
    return fold_of[unit_of].tolist()


def folds_of_units(units: Sequence[str], labels: Sequence[str], folds: int, seed: int) -> list[int] | None:
    """As `assign_folds`, with as many folds as there are units at most; None for one unit alone."""
    count = min(folds, len(set(units)))
    return assign_folds(units, labels, count, seed) if count > 1 else None


def _count(units: Sequence[str], labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Items per unit and class, int [U, C], and the unit of each item, int [N]."""
    _, unit_of = np.unique(np.asarray(units, dtype=object), return_inverse=True)
    _, label_of = np.unique(np.asarray(labels, dtype=object), return_inverse=True)
    counts = np.zeros((unit_of.max() + 1, label_of.max() + 1), int)
    np.add.at(counts, (unit_of, label_of), 1)
    return counts, unit_of


def _fair_start(counts: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Units in random order, each taken unless one of its classes would exceed its share."""
    share = np.maximum(np.rint(fraction * counts.sum(0)), 1)
    inside = np.zeros(counts.shape[1])
    chosen = np.zeros(len(counts), bool)
    for unit in rng.permutation(len(counts)):
        if np.all(inside + counts[unit] <= share):
            chosen[unit] = True
            inside += counts[unit]
    return chosen


def _descend(counts: np.ndarray, chosen: np.ndarray, fraction: float) -> tuple[np.ndarray, float]:
    """Flips the unit whose move lowers the cost most, until none does."""
    inside = chosen @ counts
    cost = float(_cost(inside[None], counts, fraction)[0])
    while True:
        moved = inside + np.where(chosen, -1, 1)[:, None] * counts
        costs = _cost(moved, counts, fraction)
        unit = int(np.argmin(costs))
        if costs[unit] >= cost - 1e-12:
            return chosen, cost
        chosen[unit] = ~chosen[unit]
        inside, cost = moved[unit], float(costs[unit])


def _cost(inside: np.ndarray, counts: np.ndarray, fraction: float) -> np.ndarray:
    """Cost of each candidate, [K] from its chosen items per class [K, C]: shares missed, classes missing.

    A class that is gone from the remainder costs 1000, one that is absent from the chosen part although
    it has units to give costs 10, so both outweigh any imbalance (below 1).
    """
    total = counts.sum(0)
    uneven = ((inside / total - fraction) ** 2).mean(1)
    gone = (inside == total).sum(1)
    absent = ((inside == 0) & ((counts > 0).sum(0) > 1)).sum(1)
    return uneven + 10 * absent + 1000 * gone
