"""What temporal models made of attention declare."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from ..settings import Count, Fraction
from .recurrent import MOST_UNITS
from .settings import TemporalSettings


class Attention(TemporalSettings):
    """Steps of `units` values with a sinusoidal encoding of time, and `heads` heads that share the units.

    `dropout` acts on the input, inside the layers and on the embedding.
    """

    units: Annotated[int, Field(ge=1, le=MOST_UNITS)] = 128
    heads: Count = 4
    dropout: Fraction = 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.units % self.heads:
            raise ValueError(f"`heads` must divide `units`, and {self.heads} does not divide {self.units}")
        return self
