"""One direction of one recurrent layer, with one bias vector per gate: what GRU and LSTM share."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

Activation = Literal["tanh", "relu"]


class RecurrentLayer(nn.Module):
    """`gates` blocks of U columns each lie side by side along the last axis.

    `kernel` [D, G U], `recurrent_kernel` [U, G U], `bias` [G U]: G (D U + U^2 + U) parameters.
    """

    gates: ClassVar[int]
    states: ClassVar[int]

    def __init__(self, input_size: int, units: int, *, activation: Activation = "tanh"):
        super().__init__()
        self.units, self.activation = units, activation
        self.kernel = nn.Parameter(torch.empty(input_size, self.gates * units))
        self.recurrent_kernel = nn.Parameter(torch.empty(units, self.gates * units))
        self.bias = nn.Parameter(torch.empty(self.gates * units))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Keras' defaults: Glorot uniform over the whole kernel, orthogonal recurrent kernel, zero bias."""
        nn.init.xavier_uniform_(self.kernel)
        nn.init.orthogonal_(self.recurrent_kernel)
        nn.init.zeros_(self.bias)

    def project(self, x: Tensor) -> Tensor:
        """The input's share of every gate, for all steps in one product: [..., D] -> [..., G U]."""
        flat = torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.kernel)
        return flat.view(*x.shape[:-1], -1).to(self.kernel.dtype)

    def hold(self, gates: Tensor, absent: Tensor) -> Tensor:
        """Make steps keep their state where `absent` ([T, B], bool).

        Changes `gates` (from `project`, [T, B, G U]) in place. The output of a held step means nothing.
        """
        raise NotImplementedError

    def scan(self, gates: Tensor, *, reverse: bool = False) -> Tensor:
        """All steps, from projected gates [T, B, G U] to outputs [T, B, U]; `reverse` starts at the last."""
        if torch.is_grad_enabled():
            return self.scan_with_grad(gates, reverse)
        steps = list(gates.unbind(0))
        state = self.initial_state(gates.shape[1])
        outputs = []
        for gate in reversed(steps) if reverse else steps:
            out, state = self.step(gate, state)
            outputs.append(out)
        return torch.stack(outputs[::-1] if reverse else outputs)

    def scan_with_grad(self, gates: Tensor, reverse: bool) -> Tensor:
        """`scan` with a backward pass."""
        raise NotImplementedError

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        """Zeros [B, U], `states` of them."""
        return (self.bias.new_zeros(batch, self.units),) * self.states

    def step(self, gates: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One step from its projected gates [B, G U]: (output [B, U], next state)."""
        raise NotImplementedError
