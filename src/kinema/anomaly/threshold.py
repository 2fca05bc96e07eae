"""From reconstruction errors of held-out normal videos to a threshold and the certainty of its rate."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import beta
from torch import Tensor

from ..errors import UsageError, WorkError

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Threshold:
    """`value`: errors above it are anomalous. `rate`: the false-alarm rate that was asked for.

    `expected` is the mean false-alarm rate of a threshold chosen this way from `n` normal videos of
    `independent` groups, and `low`..`high` the 95 % interval of its true rate (exact where no two videos
    share a group). `reachable` is False where the groups are too few for `rate`: the value is then the
    largest error seen.
    """

    value: float
    rate: float
    n: int
    independent: int
    expected: float
    low: float
    high: float
    reachable: bool

    @property
    def certainty(self) -> str:
        """How sure the false-alarm rate is, in one sentence."""
        grouped = self.independent < self.n
        videos = f"{self.n} held-out normal videos" + (f" of {self.independent} groups" if grouped else "")
        text = (
            f"false-alarm rate from {videos}: asked for {self.rate:.3g}, "
            f"expected {self.expected:.3g}, 95 % interval {self.low:.2g} to {self.high:.2g}"
        )
        if self.reachable:
            return text
        wanted = f"{needed(self.rate)} {'groups of ' if grouped else ''}normal videos"
        return f"{text}; unsure: a rate of {self.rate:.3g} needs at least {wanted}"


def needed(rate: float) -> int:
    """The smallest number of independent held-out videos with which `rate` can be reached on average."""
    return math.ceil(round(1 / rate - 1, 9))


def choose_threshold(
    held_out: Tensor, rate: float = 0.05, groups: Sequence[Hashable] | None = None
) -> Threshold:
    """The smallest held-out error that a new normal video exceeds with probability at most `rate`.

    held_out: errors [n] of normal videos that the model was NOT fitted on; groups: the group of each, all
    different where there is none. Videos of one group (a scene, a person) are alike, and a new video comes
    from a new group: each of K groups has a mass of 1 / (K + 1), shared by its videos, and what is left lies
    above all. The value is the smallest error with a mass of 1 - rate at or below it (hierarchical conformal
    prediction: Lee, Barber, Willett 2023). Without groups that is the k-th smallest, k = ceil((n + 1)
    (1 - rate)), and a new video exceeds it with probability (n + 1 - k) / (n + 1) at most (split conformal
    prediction). The true rate is distributed as Beta((K + 1) expected, (K + 1) (1 - expected)), which gives
    the interval; groups whose videos differ among themselves make it too wide. Raises UsageError for no
    errors or a rate outside (0, 1), WorkError for non-finite errors.
    """
    if held_out.numel() == 0:
        raise UsageError("a threshold needs held-out normal videos, got none; add normal videos")
    if not 0 < rate < 1:
        raise UsageError(f"the false-alarm rate must lie between 0 and 1, got {rate}; 0.05 is usual")
    if not torch.isfinite(held_out).all():
        raise WorkError("reconstruction errors hold NaN or infinity; fit the autoencoder again")
    errors = held_out.flatten().double().numpy()
    order, mass = np.argsort(errors, kind="stable"), _mass(groups or range(len(errors)))
    below = mass[order].cumsum()
    wanted = int(np.searchsorted(below, 1 - rate - 1e-9))
    k = min(wanted, len(errors) - 1)
    independent = len(set(groups or range(len(errors))))
    expected = float(1 - below[k])
    low, high = beta.interval(CONFIDENCE, (independent + 1) * expected, (independent + 1) * below[k])
    return Threshold(
        value=float(errors[order[k]]),
        rate=rate,
        n=len(errors),
        independent=independent,
        expected=expected,
        low=float(low),
        high=float(high),
        reachable=wanted < len(errors),
    )


def _mass(groups: Sequence[Hashable]) -> np.ndarray:
    """Each video's share of its group's 1 / (K + 1), float64 [n]."""
    sizes = Counter(groups)
    return np.array([1 / (len(sizes) + 1) / sizes[group] for group in groups])


def percentile(errors_sorted: Tensor, errors: Tensor) -> Tensor:
    """Per cent (0..100, [N]) of held-out normal errors (ascending, [n]) that `errors` [N] reach."""
    at_most = torch.searchsorted(errors_sorted, errors.to(errors_sorted), right=True)
    return 100.0 * at_most / len(errors_sorted)
