"""One direction of one LSTM layer, with one bias vector per gate (equations of the vgg16-lstm paper).

i, f, o = sigmoid(W x + U h + b)                     input, forget and output gate
g       = act(W_g x + U_g h + b_g)                   candidate
c       = f * c + i * g
h       = o * act(c)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .autograd import lstm_sequence_with_grad
from .gru import Activation


class LSTMLayer(nn.Module):
    """Gates lie in the order i, f, o, g along the last axis (Keras has i, f, g, o), sigmoids together.

    `kernel` [D, 4U], `recurrent_kernel` [U, 4U], `bias` [4U]: 4 (D U + U^2 + U) parameters.
    """

    def __init__(self, input_size: int, units: int, *, activation: Activation = "tanh"):
        super().__init__()
        self.units, self.activation = units, activation
        self.kernel = nn.Parameter(torch.empty(input_size, 4 * units))
        self.recurrent_kernel = nn.Parameter(torch.empty(units, 4 * units))
        self.bias = nn.Parameter(torch.empty(4 * units))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Keras' defaults: Glorot uniform, orthogonal recurrent kernel, bias 0 (forget gate: 1)."""
        nn.init.xavier_uniform_(self.kernel)
        nn.init.orthogonal_(self.recurrent_kernel)
        nn.init.zeros_(self.bias)
        with torch.no_grad():
            self.bias[self.units : 2 * self.units] = 1.0

    def project(self, x: Tensor) -> Tensor:
        """The input's share of every gate, for all steps in one product: [..., D] -> [..., 4U]."""
        flat = torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.kernel)
        return flat.view(*x.shape[:-1], -1).to(self.kernel.dtype)

    def hold(self, gates: Tensor, absent: Tensor) -> Tensor:
        """Make steps keep their cell state where `absent` ([T, B], bool): input gate 0, forget gate 1.

        Changes `gates` (from `project`, [T, B, 4U]) in place. The output of a held step means nothing.
        """
        units, absent = self.units, absent.unsqueeze(-1)
        gates[..., :units].masked_fill_(absent, -torch.inf)
        gates[..., units : 2 * units].masked_fill_(absent, torch.inf)
        return gates

    def scan(self, gates: Tensor, *, reverse: bool = False) -> Tensor:
        """All steps, from projected gates [T, B, 4U] to outputs [T, B, U]; `reverse` starts at the last."""
        if torch.is_grad_enabled():
            return lstm_sequence_with_grad(
                gates, self.recurrent_kernel, activation=self.activation, reverse=reverse
            )
        steps = list(gates.unbind(0))
        state = self.initial_state(gates.shape[1])
        outputs = []
        for gate in reversed(steps) if reverse else steps:
            out, state = self.step(gate, state)
            outputs.append(out)
        return torch.stack(outputs[::-1] if reverse else outputs)

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        """Zeros: (h, c), each [B, U]."""
        zeros = self.bias.new_zeros(batch, self.units)
        return zeros, zeros

    def step(self, gates: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One step from its projected gates [B, 4U]: (output [B, U], next state)."""
        h, c = state
        act = torch.relu if self.activation == "relu" else torch.tanh
        gates = torch.addmm(gates, h, self.recurrent_kernel)
        i, f, o = gates[:, : 3 * self.units].sigmoid().chunk(3, 1)
        c = torch.addcmul(f * c, i, act(gates[:, 3 * self.units :]))
        h = o * act(c)
        return h, (h, c)
