"""Choosing whole units (groups, files) so that every class gets its share: pure functions on lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

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
    counts = _Counts.of(units, labels)
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
    return best[counts.unit_of].tolist()


def assign_folds(units: Sequence[str], labels: Sequence[str], folds: int, seed: int) -> list[int]:
    """A fold number per item: whole units, large ones first, each to the fold that lacks its classes most."""
    counts = _Counts.of(units, labels)
    shares = counts.rows / counts.total
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-shares.sum(1)[counts.row_of[order]], kind="stable")]
    load = np.zeros((folds, len(counts.total)))
    fold_of = np.zeros(len(counts), int)
    for place, unit in enumerate(order):
        share = shares[counts.row_of[unit]]
        cost = ((load + share) ** 2 - load**2).sum(1)
        if len(order) - place <= (empty := load.sum(1) == 0).sum():
            cost[~empty] = np.inf  # so that no fold stays empty
        fold_of[unit] = np.argmin(cost)
        load[fold_of[unit]] += share
    return fold_of[counts.unit_of].tolist()


def folds_of_units(units: Sequence[str], labels: Sequence[str], folds: int, seed: int) -> list[int] | None:
    """As `assign_folds`, with as many folds as there are units at most; None for one unit alone."""
    count = min(folds, len(set(units)))
    return assign_folds(units, labels, count, seed) if count > 1 else None


@dataclass(frozen=True)
class _Counts:
    """Items per unit and class.

    `rows` int [R, C] holds each row once that units have, `row_of` int [U] which one a unit has: files by
    themselves have no more rows than classes. `unit_of` int [N] is the unit of each item.
    """

    rows: np.ndarray
    row_of: np.ndarray
    unit_of: np.ndarray

    @classmethod
    def of(cls, units: Sequence[str], labels: Sequence[str]) -> Self:
        """The counts of items, by the unit and the class of each."""
        _, unit_of = np.unique(np.asarray(units, dtype=object), return_inverse=True)
        names, label_of = np.unique(np.asarray(labels, dtype=object), return_inverse=True)
        pairs, counts = np.unique(unit_of * len(names) + label_of, return_counts=True)
        own: list[list[tuple[int, int]]] = [[] for _ in range(unit_of.max() + 1)]
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            own[pair // len(names)].append((pair % len(names), count))
        numbers: dict[tuple[tuple[int, int], ...], int] = {}
        row_of = np.array([numbers.setdefault(tuple(row), len(numbers)) for row in own])
        rows = np.zeros((len(numbers), len(names)), int)
        for row, number in numbers.items():
            for label, count in row:
                rows[number, label] = count
        return cls(rows, row_of, unit_of)

    def __len__(self) -> int:
        """The number of units."""
        return len(self.row_of)

    @cached_property
    def total(self) -> np.ndarray:
        """Items per class, int [C]."""
        return np.bincount(self.row_of) @ self.rows

    @cached_property
    def units(self) -> np.ndarray:
        """Units per class that have items of it, int [C]."""
        return np.bincount(self.row_of) @ (self.rows > 0)


def _fair_start(counts: _Counts, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Units in random order, each taken unless one of its classes would exceed its share."""
    share = np.maximum(np.rint(fraction * counts.total), 1).tolist()
    own = [[(int(label), int(row[label])) for label in np.flatnonzero(row)] for row in counts.rows]
    inside = [0] * len(share)
    chosen = np.zeros(len(counts), bool)
    for unit in rng.permutation(len(counts)).tolist():
        row = own[counts.row_of[unit]]
        if all(inside[label] + count <= share[label] for label, count in row):
            chosen[unit] = True
            for label, count in row:
                inside[label] += count
    return chosen


def _descend(counts: _Counts, chosen: np.ndarray, fraction: float) -> tuple[np.ndarray, float]:
    """Flips the unit whose move lowers the cost most, until none does."""
    inside = np.bincount(counts.row_of[chosen], minlength=len(counts.rows)) @ counts.rows
    cost = float(_cost(inside[None], counts, fraction)[0])
    while True:
        out, into = (_cost(inside + sign * counts.rows, counts, fraction) for sign in (-1, 1))
        costs = np.where(chosen, out[counts.row_of], into[counts.row_of])
        unit = int(np.argmin(costs))
        if costs[unit] >= cost - 1e-12:
            return chosen, cost
        inside = inside + (-1 if chosen[unit] else 1) * counts.rows[counts.row_of[unit]]
        chosen[unit] = ~chosen[unit]
        cost = float(costs[unit])


def _cost(inside: np.ndarray, counts: _Counts, fraction: float) -> np.ndarray:
    """Cost of each candidate, [K] from its chosen items per class [K, C]: shares missed, classes missing.

    A class that is gone from the remainder costs 1000, one that is absent from the chosen part although
    it has units to give costs 10, so both outweigh any imbalance (below 1).
    """
    total = counts.total
    uneven = ((inside / total - fraction) ** 2).mean(1)
    gone = (inside == total).sum(1)
    absent = ((inside == 0) & (counts.units > 1)).sum(1)
    return uneven + 10 * absent + 1000 * gone
