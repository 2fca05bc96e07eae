"""Gated recurrent units (i3d-gru and dual-cnn-gru papers)."""

from typing import Any, Literal

from .settings import Recurrent


class Gru(Recurrent):
    """`reset` says whether the reset gate acts before the recurrent product or after it."""

    kind: Literal["gru"] = "gru"
    reset: Literal["before", "after"] = "after"

    def cell(self, input_size: int) -> Any:
        from .gru_net import GRULayer

        return GRULayer(input_size, self.units, reset=self.reset, activation=self.activation)
