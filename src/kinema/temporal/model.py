"""The trained part of one stream: a feature sequence in, an embedding out."""

from torch import Tensor, nn

from .encoder import Encoder
from .settings import TemporalSettings
from .stack import State
from .standardize import Standardize


class SequenceModel(nn.Module):
    """What every temporal model builds: float [B, T, D] and lengths int64 [B] -> [B, E], or [B, T, E].

    A sequence of length 0 (an absent stream) gives zeros, and so does every step past a length; what the
    padding holds changes nothing. `embedding_size` is E. Models that can go step by step override
    `initial_state` and `step`.
    """

    embedding_size: int

    def initial_state(self, batch: int) -> State:
        """The state before the first `step`, for `batch` sequences. Raises ValueError as `step` does."""
        raise ValueError("this temporal model needs whole sequences; choose temporal.kind gru, lstm or mean")

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step x [B, D]: (the embedding [B, E] of all that was seen, next state).

        Equal to `forward` on the sequence so far. Raises ValueError for models that need whole sequences.
        """
        raise NotImplementedError

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Many steps x [B, T, D] of a model that keeps every step: (embeddings [B, T, E], next state).

        Equal to `step` on one after the other. The state carries no gradient, so that a long sequence can be
        learned from in chunks. Raises ValueError for models that need whole sequences.
        """
        raise NotImplementedError


class TemporalModel(SequenceModel):
    """standardize -> encoder -> the temporal model of a recipe."""

    def __init__(
        self,
        spec: TemporalSettings,
        input_size: int,
        encoder: Encoder | None = None,
        *,
        standardize: bool = False,
    ):
        super().__init__()
        self.standardize = Standardize(input_size) if standardize else None
        self.encoder = encoder.build(input_size) if encoder else None
        self.temporal = spec.build(encoder.layers[-1] if encoder else input_size)
        self.embedding_size = self.temporal.embedding_size

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.temporal(self.encoded(x), lengths)

    def initial_state(self, batch: int) -> State:
        return self.temporal.initial_state(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.temporal.step(self.encoded(x), state)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.temporal.advance(self.encoded(x), state)

    def encoded(self, x: Tensor) -> Tensor:
        """Steps [..., D] as the temporal model gets them."""
        if self.standardize is not None:
            x = self.standardize(x)
        return self.encoder(x) if self.encoder is not None else x
