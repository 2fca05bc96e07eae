"""Fusions: the streams' embeddings -> one. A kind is a class of settings, named in this union."""

from typing import Annotated

from pydantic import Field

from .average import Average, WeightedAverage
from .bilinear import Bilinear
from .concat import Concat, ConcatSvm

Fusion = Annotated[WeightedAverage | Average | Bilinear | Concat | ConcatSvm, Field(discriminator="kind")]

__all__ = ["Average", "Bilinear", "Concat", "ConcatSvm", "Fusion", "WeightedAverage"]
