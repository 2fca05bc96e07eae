"""One direction of one recurrent layer, with one bias vector per gate."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.autograd import Function

from .autograd import LSTM, GRUAfter, GRUBefore

Activation = Literal["tanh", "relu"]


class RecurrentLayer(nn.Module):
    """`gates` blocks of U columns each lie side by side along the last axis.

    `kernel` [D, G U], `recurrent_kernel` [U, G U], `bias` [G U]: G (D U + U^2 + U) parameters.
    `recurrence` runs over all steps with a backward pass of its own.
    """

    gates: ClassVar[int]
    states: ClassVar[int]
    recurrence: type[Function]

    def __init__(self, input_size: int, units: int, *, activation: Activation = "tanh"):
        super().__init__()
        self.units, self.activation = units, activation
        self.act = torch.relu if activation == "relu" else torch.tanh
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
        return self.run(gates, (None,) * self.states, reverse=reverse)[0]

    def run(
        self, gates: Tensor, state: tuple[Tensor | None, ...], *, reverse: bool = False
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """`scan` from a state (None: zeros): (outputs, state after all steps, without gradient)."""
        found = self.recurrence.apply(gates, self.recurrent_kernel, self.activation, reverse, *state)
        outputs, *others = found if isinstance(found, tuple) else (found,)
        return outputs, (outputs[0 if reverse else -1].detach(), *others)

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        """Zeros [B, U], `states` of them."""
        return (self.bias.new_zeros(batch, self.units),) * self.states

    def step(self, gates: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One step from its projected gates [B, G U]: (output [B, U], next state)."""
        raise NotImplementedError


class GRULayer(RecurrentLayer):
    """Gates in the order z, r, n, as in Keras; the state is (h,).

        z = sigmoid(W_z x + U_z h + b_z)                     update gate
        r = sigmoid(W_r x + U_r h + b_r)                     reset gate
        n = act(W_n x + U_n (r * h) + b_n)                   candidate, reset `before` the product
        n = act(W_n x + r * (U_n h) + b_n)                   candidate, reset `after` the product
        h = z * h + (1 - z) * n

    `before` is equations (1)-(4) of the dual-cnn-gru paper and Keras' `reset_after=False`. `after` is Keras'
    `reset_after=True` with its second (recurrent) bias at zero: that bias would be a second one per gate,
    which the parameter counts of the papers rule out.
    """

    gates, states = 3, 1

    def __init__(
        self,
        input_size: int,
        units: int,
        *,
        reset: Literal["before", "after"] = "after",
        activation: Activation = "tanh",
    ):
        super().__init__(input_size, units, activation=activation)
        self.reset = reset
        self.recurrence = GRUBefore if reset == "before" else GRUAfter

    def hold(self, gates: Tensor, absent: Tensor) -> Tensor:
        """An update gate of exactly 1."""
        gates[..., : self.units].masked_fill_(absent.unsqueeze(-1), torch.inf)
        return gates

    def step(self, gates: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        (h,) = state
        split = 2 * self.units
        if self.reset == "before":
            z, r = torch.addmm(gates[:, :split], h, self.recurrent_kernel[:, :split]).sigmoid().chunk(2, 1)
            n = self.act(torch.addmm(gates[:, split:], r * h, self.recurrent_kernel[:, split:]))
        else:
            recurrent = h @ self.recurrent_kernel
            z, r = (gates[:, :split] + recurrent[:, :split]).sigmoid().chunk(2, 1)
            n = self.act(torch.addcmul(gates[:, split:], r, recurrent[:, split:]))
        h = torch.lerp(n, h, z)
        return h, (h,)


class LSTMLayer(RecurrentLayer):
    """Gates in the order i, f, o, g (Keras has i, f, g, o), sigmoids together; the state is (h, c).

    As in the vgg16-lstm paper:

        i, f, o = sigmoid(W x + U h + b)                     input, forget and output gate
        g       = act(W_g x + U_g h + b_g)                   candidate
        c       = f * c + i * g
        h       = o * act(c)
    """

    gates, states, recurrence = 4, 2, LSTM

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

    def step(self, gates: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        h, c = state
        gates = torch.addmm(gates, h, self.recurrent_kernel)
        i, f, o = gates[:, : 3 * self.units].sigmoid().chunk(3, 1)
        c = torch.addcmul(f * c, i, self.act(gates[:, 3 * self.units :]))
        h = o * self.act(c)
        return h, (h, c)
