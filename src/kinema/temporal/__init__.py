"""Temporal models: feature sequence -> embedding. A kind is a class of settings, named in this union."""

from typing import Annotated

from pydantic import Field

from .encoder import Encoder
from .mean import Mean
from .recurrent import Gru, Lstm

Temporal = Annotated[Gru | Lstm | Mean, Field(discriminator="kind")]

__all__ = ["Encoder", "Gru", "Lstm", "Mean", "Temporal"]
