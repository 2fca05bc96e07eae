"""The encoder of the corehar paper, as settings."""

from typing import Annotated, Any

from pydantic import Field

from ..settings import Count, Fraction, Settings


class Encoder(Settings):
    """Fully connected layers (ReLU) applied to every step before the temporal model; trained."""

    layers: Annotated[tuple[Count, ...], Field(min_length=1)]
    dropout: Fraction = 0.0

    def build(self, input_size: int) -> Any:
        """The `EncoderNet` for steps of `input_size` values."""
        from .encoder_net import EncoderNet

        return EncoderNet(input_size, self.layers, self.dropout)
