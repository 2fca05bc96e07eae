"""What stays the same taken away: each step's difference from the mean of what was seen lately."""

import torch
from torch import Tensor, nn


class Background(nn.Module):
    """x_t - m_t, [B, T, D] -> [B, T, D], with m_t = m_(t-1) + (x_t - m_(t-1)) / min(t, `steps`).

    So m_t is the mean of all steps so far, and after `steps` of them one that fades. A place, a light or a
    person that is always there has the same part in both; what begins or ends has not. Nothing is trained,
    and no gradient goes through.
    """

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps

    def forward(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> Tensor:
        """Sequences by themselves, or from a state on."""
        return self.advance(x, state or self.initial_state(len(x), x.shape[2]))[0]

    def initial_state(self, batch: int, size: int) -> tuple[Tensor, Tensor]:
        """Nothing seen yet: mean [B, D] and number of steps [B, 1]."""
        return torch.zeros(batch, size), torch.zeros(batch, 1)

    @torch.no_grad()
    def advance(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Many steps x [B, T, D] from a state: (differences, next state)."""
        mean, count = (part.to(x) for part in state)
        found = []
        for step in x.unbind(1):
            count = (count + 1).clamp(max=self.steps)
            mean = mean + (step - mean) / count
            found.append(step - mean)
        return torch.stack(found, dim=1) if found else x, (mean, count)
