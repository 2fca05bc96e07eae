"""Temporal models: feature sequence -> embedding. A kind is a class of settings, named in this union.

Another package's kind is its class of settings behind an entry point of the group `kinema.temporal`.
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ..plugins import load_plugins
from .attentive import Attentive
from .encoder import Encoder
from .mean import Mean
from .moments import Moments
from .recurrent import Gru, Lstm
from .tcn import Tcn
from .transformer import Transformer

Temporal = Annotated[Attentive | Gru | Lstm | Mean | Moments | Tcn | Transformer, Field(discriminator="kind")]
if not TYPE_CHECKING and (_plugins := load_plugins("temporal")):
    Temporal = Annotated[reduce(or_, _plugins.values(), Temporal.__origin__), Field(discriminator="kind")]

__all__ = ["Attentive", "Encoder", "Gru", "Lstm", "Mean", "Moments", "Tcn", "Temporal", "Transformer"]
