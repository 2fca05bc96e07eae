"""The trained part of one stream: a feature sequence in, an embedding out."""

from torch import Tensor, nn

from .background import Background
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
    """background -> standardize -> encoder -> the temporal model of a recipe.

    `background`: the steps whose mean is taken away (see `Background`). Its state comes first.
    """

    def __init__(
        self,
        spec: TemporalSettings,
        input_size: int,
        encoder: Encoder | None = None,
        *,
        standardize: bool = False,
        background: int | None = None,
    ):
        super().__init__()
        self.input_size = input_size
        self.background = Background(background) if background else None
        self.standardize = Standardize(input_size) if standardize else None
        self.encoder = encoder.build(input_size) if encoder else None
        self.temporal = spec.build(encoder.layers[-1] if encoder else input_size)
        self.embedding_size = self.temporal.embedding_size

    def forward(
        self, x: Tensor, lengths: Tensor | None = None, before: tuple[Tensor, ...] | None = None
    ) -> Tensor:
        """The embedding; `before` is the state of `background` where x is not the beginning."""
        if self.background is not None:
            x = self.background(x, before)
        return self.temporal(self.encoded(x), lengths)

    def initial_state(self, batch: int) -> State:
        inner = self.temporal.initial_state(batch)
        if self.background is None:
            return inner
        return (self.background.initial_state(batch, self.input_size), *inner)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x, before, state = self._without_background(x.unsqueeze(1), state)
        out, state = self.temporal.step(self.encoded(x.squeeze(1)), state)
        return out, (*before, *state)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x, before, state = self._without_background(x, state)
        out, state = self.temporal.advance(self.encoded(x), state)
        return out, (*before, *state)

    def encoded(self, x: Tensor) -> Tensor:
        """Steps [..., D] without their background as the temporal model gets them."""
        if self.standardize is not None:
            x = self.standardize(x)
        return self.encoder(x) if self.encoder is not None else x

    def _without_background(self, x: Tensor, state: State) -> tuple[Tensor, State, State]:
        """Steps x [B, T, D] from a state: (differences, the next state of `background`, the other state)."""
        if self.background is None:
            return x, (), state
        x, own = self.background.advance(x, state[0])
        return x, (own,), state[1:]
