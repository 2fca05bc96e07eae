"""One direction of one LSTM layer, with one bias vector per gate (equations of the vgg16-lstm paper).

i, f, o = sigmoid(W x + U h + b)                     input, forget and output gate
g       = act(W_g x + U_g h + b_g)                   candidate
c       = f * c + i * g
h       = o * act(c)
"""

import torch
from torch import Tensor

from .autograd import LSTM
from .layer import RecurrentLayer


class LSTMLayer(RecurrentLayer):
    """Gates in the order i, f, o, g (Keras has i, f, g, o), sigmoids together; the state is (h, c)."""

    gates, states = 4, 2

    def reset_parameters(self) -> None:
        """Keras' defaults, with a forget bias of 1."""
        super().reset_parameters()
        with torch.no_grad():
            self.bias[self.units : 2 * self.units] = 1.0

    def hold(self, gates: Tensor, absent: Tensor) -> Tensor:
        """Input gate 0, forget gate 1."""
        units, absent = self.units, absent.unsqueeze(-1)
        gates[..., :units].masked_fill_(absent, -torch.inf)
        gates[..., units : 2 * units].masked_fill_(absent, torch.inf)
        return gates

    def scan_with_grad(self, gates: Tensor, reverse: bool) -> Tensor:
        return LSTM.apply(gates, self.recurrent_kernel, self.activation, reverse)

    def step(self, gates: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        h, c = state
        act = torch.relu if self.activation == "relu" else torch.tanh
        gates = torch.addmm(gates, h, self.recurrent_kernel)
        i, f, o = gates[:, : 3 * self.units].sigmoid().chunk(3, 1)
        c = torch.addcmul(f * c, i, act(gates[:, 3 * self.units :]))
        h = o * act(c)
        return h, (h, c)
