"""From reconstruction errors of held-out normal videos to a threshold and the certainty of its rate."""

import math
from dataclasses import dataclass

import torch
from scipy.stats import beta
from torch import Tensor

from ..errors import UsageError, WorkError

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Threshold:
    """`value`: errors above it are anomalous. `rate`: the false-alarm rate that was asked for.

    `expected` is the mean false-alarm rate of a threshold chosen this way from `n` normal videos, and
    `low`..`high` the exact 95 % interval of its true rate. `reachable` is False where `n` is too small for
    `rate`: the value is then the largest error seen.
    """

    value: float
    rate: float
    n: int
    expected: float
    low: float
    high: float
    reachable: bool

    @property
    def certainty(self) -> str:
        """How sure the false-alarm rate is, in one sentence."""
        text = (
            f"false-alarm rate from {self.n} held-out normal videos: asked for {self.rate:.3g}, "
            f"expected {self.expected:.3g}, 95 % interval {self.low:.2g} to {self.high:.2g}"
        )
        if self.reachable:
            return text
        return f"{text}; unsure: a rate of {self.rate:.3g} needs at least {needed(self.rate)} normal videos"


def needed(rate: float) -> int:
    """The smallest number of held-out normal videos with which `rate` can be reached on average."""
    return math.ceil(round(1 / rate - 1, 9))


def choose_threshold(held_out: Tensor, rate: float = 0.05) -> Threshold:
    """The smallest held-out error that a new normal video exceeds with probability at most `rate`.

    held_out: errors [n] of normal videos that the model was NOT fitted on. The value is the k-th smallest
    with k = ceil((n + 1) (1 - rate)): for exchangeable videos a new one exceeds it with probability
    (n + 1 - k) / (n + 1) at most (split conformal prediction), and the true rate is distributed as
    Beta(n + 1 - k, k), which gives the interval. Raises UsageError for no errors or a rate outside (0, 1),
    WorkError for non-finite errors.
    """
    n = held_out.numel()
    if n == 0:
        raise UsageError("a threshold needs held-out normal videos, got none; add normal videos")
    if not 0 < rate < 1:
        raise UsageError(f"the false-alarm rate must lie between 0 and 1, got {rate}; 0.05 is usual")
    if not torch.isfinite(held_out).all():
        raise WorkError("reconstruction errors hold NaN or infinity; fit the autoencoder again")
    wanted = math.ceil(round((n + 1) * (1 - rate), 9))
    k = min(wanted, n)
    low, high = beta.interval(CONFIDENCE, n + 1 - k, k)
    return Threshold(
        value=float(held_out.flatten().sort().values[k - 1]),
        rate=rate,
        n=n,
        expected=(n + 1 - k) / (n + 1),
        low=float(low),
        high=float(high),
        reachable=wanted <= n,
    )


def percentile(errors_sorted: Tensor, errors: Tensor) -> Tensor:
    """Per cent (0..100, [N]) of held-out normal errors (ascending, [n]) that `errors` [N] reach."""
    at_most = torch.searchsorted(errors_sorted, errors.to(errors_sorted), right=True)
    return 100.0 * at_most / len(errors_sorted)
