"""Fusions: the streams' embeddings -> one. A kind is one file of settings, and one line here."""

from typing import Annotated

from pydantic import Field

from .average import Average
from .concat import Concat
from .concat_svm import ConcatSvm
from .weighted_average import WeightedAverage

Fusion = Annotated[WeightedAverage | Average | Concat | ConcatSvm, Field(discriminator="kind")]

__all__ = ["Average", "Concat", "ConcatSvm", "Fusion", "WeightedAverage"]
