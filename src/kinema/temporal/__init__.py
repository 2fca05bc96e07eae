"""Temporal models: feature sequence -> embedding. A kind is one file of settings, and one line here.

Another package's kind is its class of settings behind an entry point of the group `kinema.temporal`.
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ..plugins import load_plugins
from .encoder import Encoder
from .gru import Gru
from .lstm import Lstm
from .mean import Mean

Temporal = Annotated[Gru | Lstm | Mean, Field(discriminator="kind")]
if not TYPE_CHECKING and (_plugins := load_plugins("temporal")):
    Temporal = Annotated[reduce(or_, _plugins.values(), Temporal.__origin__), Field(discriminator="kind")]

__all__ = ["Encoder", "Gru", "Lstm", "Mean", "Temporal"]
