"""One direction of one GRU layer, with one bias vector per gate.

    z = sigmoid(W_z x + U_z h + b_z)                     update gate
    r = sigmoid(W_r x + U_r h + b_r)                     reset gate
    n = act(W_n x + U_n (r * h) + b_n)                   candidate, reset `before` the product
    n = act(W_n x + r * (U_n h) + b_n)                   candidate, reset `after` the product
    h = z * h + (1 - z) * n

`before` is equations (1)-(4) of the dual-cnn-gru paper and Keras' `reset_after=False`. `after` is Keras'
`reset_after=True` with its second (recurrent) bias at zero: that bias would be a second one per gate, which
the parameter counts of the papers rule out.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from .autograd import gru_sequence_with_grad

Reset = Literal["before", "after"]
Activation = Literal["tanh", "relu"]


class GRULayer(nn.Module):
    """Gates lie in the order z, r, n along the last axis, as in Keras.

    `kernel` [D, 3U], `recurrent_kernel` [U, 3U], `bias` [3U]: 3 (D U + U^2 + U) parameters.
    """

    def __init__(
        self, input_size: int, units: int, *, reset: Reset = "after", activation: Activation = "tanh"
    ):
        super().__init__()
        self.units, self.reset, self.activation = units, reset, activation
        self.kernel = nn.Parameter(torch.empty(input_size, 3 * units))
        self.recurrent_kernel = nn.Parameter(torch.empty(units, 3 * units))
        self.bias = nn.Parameter(torch.empty(3 * units))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Keras' defaults: Glorot uniform over the whole kernel, orthogonal recurrent kernel, zero bias."""
        nn.init.xavier_uniform_(self.kernel)
        nn.init.orthogonal_(self.recurrent_kernel)
        nn.init.zeros_(self.bias)

    def project(self, x: Tensor) -> Tensor:
        """The input's share of every gate, for all steps in one product: [..., D] -> [..., 3U]."""
        flat = torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.kernel)
        return flat.view(*x.shape[:-1], -1).to(self.kernel.dtype)

    def hold(self, gates: Tensor, absent: Tensor) -> Tensor:
        """Make steps keep their state where `absent` ([T, B], bool): an update gate of exactly 1.

        Changes `gates` (from `project`, [T, B, 3U]) in place.
        """
        gates[..., : self.units].masked_fill_(absent.unsqueeze(-1), torch.inf)
        return gates

    def scan(self, gates: Tensor, *, reverse: bool = False) -> Tensor:
        """All steps, from projected gates [T, B, 3U] to states [T, B, U]; `reverse` starts at the last."""
        if torch.is_grad_enabled():
            return gru_sequence_with_grad(
                gates,
                self.recurrent_kernel,
                before=self.reset == "before",
                activation=self.activation,
                reverse=reverse,
            )
        steps = list(gates.unbind(0))
        state = self.initial_state(gates.shape[1])
        outputs = []
        for gate in reversed(steps) if reverse else steps:
            out, state = self.step(gate, state)
            outputs.append(out)
        return torch.stack(outputs[::-1] if reverse else outputs)

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        """Zeros: (h,), h [B, U]."""
        return (self.bias.new_zeros(batch, self.units),)

    def step(self, gates: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One step from its projected gates [B, 3U]: (output [B, U], next state)."""
        (h,) = state
        act = torch.relu if self.activation == "relu" else torch.tanh
        split = 2 * self.units
        if self.reset == "before":
            z, r = torch.addmm(gates[:, :split], h, self.recurrent_kernel[:, :split]).sigmoid().chunk(2, 1)
            n = act(torch.addmm(gates[:, split:], r * h, self.recurrent_kernel[:, split:]))
        else:
            recurrent = h @ self.recurrent_kernel
            z, r = (gates[:, :split] + recurrent[:, :split]).sigmoid().chunk(2, 1)
            n = act(torch.addcmul(gates[:, split:], r, recurrent[:, split:]))
        h = torch.lerp(n, h, z)
        return h, (h,)
