"""Layers with an output at every step, between dropout and attention and a pool over the steps."""

from torch import Tensor, nn

from .attention import TemporalAttention
from .mean_net import RunningMean
from .model import SequenceModel
from .pooling import mean_steps
from .settings import Pooled
from .stack import State


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
