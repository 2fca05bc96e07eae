"""The bag of frames as a recurrence: the running mean of its inputs, without any parameter."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RunningMean(nn.Module):
    """h_t = (x_1 + ... + x_t) / t: the last step is the mean of all, whatever their order."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, D]."""
        count = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)
        return x.cumsum(1) / count.unsqueeze(1)

    def initial_state(self, x: Tensor) -> tuple[Tensor, ...]:
        """Nothing seen yet: (mean, count), shaped like one step `x` [B, D]."""
        return torch.zeros_like(x), x.new_zeros(())

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One step [B, D]: (mean so far, next state)."""
        mean, count = state
        count = count + 1
        mean = mean + (x - mean) / count
        return mean, (mean, count)
