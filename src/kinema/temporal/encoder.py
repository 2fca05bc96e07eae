"""The trained encoder of the corehar paper: fully connected layers applied to every step."""

from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field

from ..settings import Count, Fraction, Settings


class Encoder(Settings):
    """Linear + ReLU + dropout for every size in `layers`, ahead of the temporal model.

    The corehar paper (Table 3) has 1024, 768 and a 512-d frame feature on ResNet152's 2048.
    """

    layers: Annotated[tuple[Annotated[Count, Field(le=65_536)], ...], Field(min_length=1, max_length=64)]
    dropout: Fraction = 0.0

    def build(self, input_size: int) -> Any:
        """The module (`nn.Sequential`), [..., D] -> [..., layers[-1]]: every step by itself."""
        from torch import nn

        module = nn.Sequential()
        for size, width in pairwise((input_size, *self.layers)):
            module.extend([nn.Linear(size, width), nn.ReLU(), nn.Dropout(self.dropout)])
        return module
