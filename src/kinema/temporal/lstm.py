"""Long short-term memory (vgg16-lstm and corehar papers)."""

from typing import Any, Literal

from .settings import Recurrent


class Lstm(Recurrent):
    """Input, forget and output gate, with one bias vector a gate."""

    kind: Literal["lstm"] = "lstm"

    def cell(self, input_size: int) -> Any:
        from .lstm_net import LSTMLayer

        return LSTMLayer(input_size, self.units, activation=self.activation)
