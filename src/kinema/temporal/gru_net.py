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

from typing import Literal

import torch
from torch import Tensor

from .autograd import GRUAfter, GRUBefore
from .layer import Activation, RecurrentLayer

Reset = Literal["before", "after"]


class GRULayer(RecurrentLayer):
    """Gates in the order z, r, n, as in Keras; the state is (h,)."""

    gates, states = 3, 1

    def __init__(
        self, input_size: int, units: int, *, reset: Reset = "after", activation: Activation = "tanh"
    ):
        super().__init__(input_size, units, activation=activation)
        self.reset = reset

    def hold(self, gates: Tensor, absent: Tensor) -> Tensor:
        """An update gate of exactly 1."""
        gates[..., : self.units].masked_fill_(absent.unsqueeze(-1), torch.inf)
        return gates

    def scan_with_grad(self, gates: Tensor, reverse: bool) -> Tensor:
        sequence = GRUBefore if self.reset == "before" else GRUAfter
        return sequence.apply(gates, self.recurrent_kernel, self.activation, reverse)

    def step(self, gates: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
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
