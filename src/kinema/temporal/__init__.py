"""Temporal models: feature sequence -> embedding. A kind is one file of settings, and one line here."""

from typing import Annotated

from pydantic import Field

from .encoder import Encoder
from .gru import Gru
from .lstm import Lstm
from .mean import Mean
from .moments import Moments

Temporal = Annotated[Gru | Lstm | Mean | Moments, Field(discriminator="kind")]

__all__ = ["Encoder", "Gru", "Lstm", "Mean", "Moments", "Temporal"]
