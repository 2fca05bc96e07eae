"""The bag of frames as a recurrence: the running mean of its inputs, without any parameter."""

import torch
from torch import Tensor

from .stack import State, StepLayers


class RunningMean(StepLayers):
    """h_t = (x_1 + ... + x_t) / t: the last step is the mean of all, whatever their order."""

    def run(self, x: Tensor, absent: Tensor | None) -> Tensor:
        count = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)
        return x.cumsum(1) / count.unsqueeze(1)

    def initial_state(self, batch: int) -> State:
        """Nothing seen yet: ((mean [B, D], count),)."""
        return ((torch.zeros(batch, self.output_size), torch.zeros(())),)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        mean, count = (part.to(x) for part in state[0])
        count = count + 1
        mean = mean + (x - mean) / count
        return mean, ((mean, count),)
