"""What every temporal model declares. Imports no torch."""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal, Self

from ..settings import Fraction, Settings


class TemporalSettings(Settings):
    """[B, T, D] -> embedding. A subclass fixes `kind`, adds its own keys and builds the module.

    `closed_form` says that nothing in it is trained by gradients: the classifier behind it is solved for.
    """

    kind: str
    closed_form: ClassVar[bool] = False

    @property
    def per_step(self) -> bool:
        """Whether every step keeps an embedding of its own, [B, T, E] (for `classifier.per_step`)."""
        return False

    @property
    def named_streams(self) -> Iterable[str]:
        """Streams that have settings of their own."""
        return ()

    def of(self, stream: str) -> Self:
        """The settings for one stream."""
        return self

    def build(self, input_size: int) -> Any:
        """The `kinema.temporal.model.SequenceModel` for steps of `input_size` values."""
        raise NotImplementedError


class Pooled(TemporalSettings):
    """Layers with an output at every step, and a pool over the steps; `pool: none` keeps them all.

    `dropout` acts at the three places that the three-stream paper names: the input, between the recurrent
    layers, and before the dense layer. `attention` weighs the steps of the input (the paper's Table I).
    """

    pool: Literal["last", "mean", "none"] = "last"
    attention: bool = False
    dropout: Fraction = 0.0

    @property
    def per_step(self) -> bool:
        return self.pool == "none"

    @property
    def reduce(self) -> Literal["last", "mean", "none"]:
        """How the outputs become the embedding: the last, their mean, or all of them."""
        return self.pool

    def build(self, input_size: int) -> Any:
        from .pooled_net import PooledModel

        return PooledModel(self, input_size)

    def layers_for(self, input_size: int) -> Any:
        """The `kinema.temporal.stack.StepLayers` alone."""
        raise NotImplementedError
