"""Temporal attention after the input layer (a variant of the three-stream paper's Table I)."""

import torch
from torch import Tensor, nn

from .pooling import absent_steps


class TemporalAttention(nn.Module):
    """Weighs the steps of a sequence before the recurrent layers see them: D + 1 parameters.

    e_t = tanh(w . x_t + b), a = softmax of e over the valid steps, output a_t * n * x_t with n the number
    of valid steps. One score per step, from that step alone, works for any length, where the usual dense
    layer over the time axis would fix it; the factor n makes even attention the identity, so that the
    scale of the input does not fall with its length. The paper does not say which form it used.
    """

    def __init__(self, input_size: int):
        super().__init__()
        self.score = nn.Linear(input_size, 1)

    def weights(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """a: [B, T, D] -> [B, T]; sums to 1 over the valid steps, 0 past them (all 0 for length 0)."""
        scores = torch.tanh(self.score(x).squeeze(2))
        if lengths is None:
            return scores.softmax(1)
        absent = absent_steps(lengths.to(x.device), x.shape[1])
        # tanh is within 1 of 0: -30 has no weight in float32, and a row of nothing else makes no NaN
        return scores.masked_fill(absent, -30.0).softmax(1).masked_fill(absent, 0.0)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, T, D] -> [B, T, D]."""
        steps = x.shape[1] if lengths is None else lengths.to(x.device).view(-1, 1)
        return x * (self.weights(x, lengths) * steps).unsqueeze(2)
