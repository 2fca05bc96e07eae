"""Layers with an output at every step, between dropout and attention and a pool over the steps."""

import torch
from torch import Tensor, nn

from .model import SequenceModel
from .pooling import absent_steps, mean_steps
from .settings import Pooled
from .stack import RunningMean, State


class TemporalAttention(nn.Module):
    """Weighs the steps before the layers see them: D + 1 parameters (the three-stream paper's Table I).

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


class PooledModel(SequenceModel):
    """dropout -> attention -> layers (dropout between them) -> pool -> dropout."""

    def __init__(self, spec: Pooled, input_size: int):
        super().__init__()
        self.pool = spec.reduce
        self.attention = TemporalAttention(input_size) if spec.attention else None
        self.dropout = nn.Dropout(spec.dropout)
        self.stack = spec.layers_for(input_size)
        self.embedding_size = self.stack.output_size
        self.running_mean = RunningMean(self.embedding_size)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = self.dropout(x)
        if self.attention is not None:
            x = self.attention(x, lengths)
        outputs = self.stack(x, lengths)
        if self.pool == "last":
            outputs = self.stack.last(outputs, lengths)
        elif self.pool == "mean":
            outputs = mean_steps(outputs, lengths)
        return self.dropout(outputs)

    def initial_state(self, batch: int) -> State:
        if self.attention is not None:
            raise ValueError("attention needs whole sequences; set temporal.attention: false for steps")
        state = self.stack.initial_state(batch)
        return (*state, *self.running_mean.initial_state(batch)) if self.pool == "mean" else state

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x = self.dropout(x)
        if self.pool != "mean":
            out, state = self.stack.step(x, state)
            return self.dropout(out), state
        out, below = self.stack.step(x, state[:-1])
        mean, pooled = self.running_mean.step(out, state[-1:])
        return self.dropout(mean), (*below, *pooled)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if self.pool != "none":
            raise ValueError("only a model that keeps every step goes on in chunks; set temporal.pool: none")
        out, state = self.stack.advance(self.dropout(x), state)
        return self.dropout(out), state
