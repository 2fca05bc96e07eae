"""Features brought to mean 0 and spread 1 per dimension, as the training videos have them."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

# Of the typical spread: what changes less is not blown up, because it may be rounding alone.
LEAST_SPREAD = 0.05


class Standardize(nn.Module):
    """(x - mean) / std per dimension, [..., D] -> [..., D]; `mean` and `std` are float32 [D], not trained.

    Until `fit` it changes nothing. Random projections need it: a large offset swamps the differences between
    videos and saturates a recurrent cell's gates.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, size: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise every step by itself."""
        return (x - self.mean) / self.std

    def fit(self, sequences: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Take mean and spread over all steps of padded batches (data [B, T, D], lengths [B]).

        Every step counts the same. A dimension's spread counts as at least 0.05 of the root mean square of
        all spreads; where nothing changes at all, it is left at 1.
        """
        count, total = 0, torch.zeros(self.mean.numel(), dtype=torch.float64)
        squares = torch.zeros_like(total)
        for data, lengths in sequences:
            inside = torch.arange(data.shape[1]) < lengths[:, None]
            steps = data[inside].double()
            count += len(steps)
            total += steps.sum(0)
            squares += steps.square().sum(0)
        if not count:
            return
        mean = total / count
        variance = (squares / count - mean.square()).clamp_min(0)
        least = LEAST_SPREAD * variance.mean().sqrt()
        self.mean.copy_(mean)
        if least > 1e-6 * mean.square().mean().sqrt():
            self.std.copy_(variance.sqrt().clamp_min(least))
