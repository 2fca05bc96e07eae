"""The temporal model of a recipe: a feature sequence in, an embedding out."""

from __future__ import annotations

from torch import Tensor, nn

from ..recipe import Encoder as EncoderSpec
from ..recipe import Temporal
from .attention import TemporalAttention
from .encoder import Encoder
from .mean import RunningMean
from .pooling import mean_steps
from .stack import RecurrentStack, State
from .standardize import Standardize


class TemporalModel(nn.Module):
    """standardize -> encoder -> dropout -> attention -> recurrent stack (dropout between
    layers) -> pool -> dropout.

    `spec.dropout` acts at the three places that the three-stream paper names: the input, between the
    recurrent layers, and before the dense layer. `embedding_size` is the E of the output.
    """

    def __init__(
        self,
        spec: Temporal,
        input_size: int,
        encoder: EncoderSpec | None = None,
        *,
        standardize: bool = False,
    ):
        super().__init__()
        self.standardize = Standardize(input_size) if standardize else None
        self.pool = "last" if spec.cell == "mean" and spec.pool == "mean" else spec.pool
        self.encoder = Encoder(encoder, input_size) if encoder else None
        size = self.encoder.output_size if self.encoder else input_size
        self.attention = TemporalAttention(size) if spec.attention else None
        self.dropout = nn.Dropout(spec.dropout)
        self.stack = RecurrentStack(
            size,
            cell=spec.cell,
            units=spec.units,
            layers=spec.layers,
            bidirectional=spec.bidirectional,
            reset=spec.reset,
            activation=spec.activation,
            dropout=spec.dropout,
        )
        self.running_mean = RunningMean()
        self.embedding_size = self.stack.output_size

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """x float [B, T, D], lengths int64 [B] -> [B, E], or [B, T, E] with `pool: none`.

        A sequence of length 0 (an absent stream) gives zeros, and so does every step past a length.
        """
        x = self.dropout(self._encoded(x))
        if self.attention is not None:
            x = self.attention(x, lengths)
        outputs = self.stack(x, lengths)
        if self.pool == "last":
            outputs = self.stack.last(outputs, lengths)
        elif self.pool == "mean":
            outputs = mean_steps(outputs, lengths)
        return self.dropout(outputs)

    def initial_state(self, batch: int) -> State:
        """The state before the first `step`, for `batch` sequences."""
        if self.attention is not None:
            raise ValueError("attention needs whole sequences; set temporal.attention: false for steps")
        state = self.stack.initial_state(batch)
        if self.pool != "mean":
            return state
        like = next(self.stack.parameters()).new_zeros(batch, self.embedding_size)
        return (*state, self.running_mean.initial_state(like))

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step x [B, D]: (the embedding [B, E] of all that was seen, next state).

        Equal to `forward` on the sequence so far (its last step with `pool: none`). Raises ValueError for
        models that need whole sequences: both directions, attention.
        """
        if self.attention is not None:
            raise ValueError("attention needs whole sequences; set temporal.attention: false for steps")
        x = self.dropout(self._encoded(x))
        if self.pool != "mean":
            out, state = self.stack.step(x, state)
            return self.dropout(out), state
        out, below = self.stack.step(x, state[:-1])
        mean, pooled = self.running_mean.step(out, state[-1])
        return self.dropout(mean), (*below, pooled)

    def _encoded(self, x: Tensor) -> Tensor:
        if self.standardize is not None:
            x = self.standardize(x)
        return self.encoder(x) if self.encoder is not None else x
