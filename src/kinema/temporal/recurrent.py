"""Recurrent layers: GRU (i3d-gru and dual-cnn-gru papers) and LSTM (vgg16-lstm and corehar papers)."""

from typing import Any, Literal

from ..settings import Count
from .settings import Pooled


class Recurrent(Pooled):
    """`layers` layers of `units` units, in one or both directions; E is units, or twice units."""

    layers: Count = 1
    units: Count = 256
    bidirectional: bool = False
    activation: Literal["tanh", "relu"] = "tanh"

    def layers_for(self, input_size: int) -> Any:
        from .stack import RecurrentStack

        return RecurrentStack(input_size, self)

    def cell(self, input_size: int) -> Any:
        """The `kinema.temporal.recurrent_net.RecurrentLayer` for one direction of one layer."""
        raise NotImplementedError


class Gru(Recurrent):
    """`reset` says whether the reset gate acts before the recurrent product or after it."""

    kind: Literal["gru"] = "gru"
    reset: Literal["before", "after"] = "after"

    def cell(self, input_size: int) -> Any:
        from .recurrent_net import GRULayer

        return GRULayer(input_size, self.units, reset=self.reset, activation=self.activation)


class Lstm(Recurrent):
    """Input, forget and output gate, with one bias vector a gate."""

    kind: Literal["lstm"] = "lstm"

    def cell(self, input_size: int) -> Any:
        from .recurrent_net import LSTMLayer

        return LSTMLayer(input_size, self.units, activation=self.activation)
