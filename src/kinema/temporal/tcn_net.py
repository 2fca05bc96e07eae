"""Dilated convolutions over padded batches; see `kinema.temporal.tcn`."""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop
from torch.nn.functional import pad

from .stack import State, StepLayers
from .tcn import Tcn


class TcnStack(StepLayers):
    """project -> residual layers: x + W relu(conv(x)); steps before the first and past the last are zeros.

    The state is, for each layer, the steps of its input that the next ones still see.
    """

    def __init__(self, input_size: int, spec: Tcn):
        super().__init__(input_size)
        self.output_size, self.dropout, self.both = spec.units, spec.dropout, spec.bidirectional
        self.project = nn.Linear(input_size, spec.units)
        self.reach = [(spec.kernel - 1) * 2**depth for depth in range(spec.layers)]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(spec.units, spec.units, spec.kernel, dilation=2**depth) for depth in range(spec.layers)
        )
        self.mixers = nn.ModuleList(nn.Conv1d(spec.units, spec.units, 1) for _ in range(spec.layers))

    def run(self, x: Tensor, absent: Tensor | None) -> Tensor:
        """[B, T, D] -> [B, T, U]."""
        x = self.project(x).transpose(1, 2)
        for depth, reach in enumerate(self.reach):
            if absent is not None:
                x = x.masked_fill(absent.unsqueeze(1), 0.0)
            behind = reach // 2 if self.both else 0
            x = self._layer(depth, pad(x, (reach - behind, behind)), x)
        return x.transpose(1, 2)

    def initial_state(self, batch: int) -> State:
        if self.both:
            raise ValueError("both directions need whole sequences; set bidirectional: false for steps")
        weight = self.project.weight
        return tuple((weight.new_zeros(batch, self.output_size, reach),) for reach in self.reach)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        out, state = self.advance(x.unsqueeze(1), state)
        return out[:, 0], state

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x, states = self.project(x).transpose(1, 2), []
        for depth, (past,) in enumerate(state):
            seen = torch.cat([past, x], dim=2)
            states.append((seen[:, :, -self.reach[depth] :].detach(),))
            x = self._layer(depth, seen, x)
        return x.transpose(1, 2), tuple(states)

    def _layer(self, depth: int, seen: Tensor, x: Tensor) -> Tensor:
        inner = self.convolutions[depth](seen).relu()
        return x + drop(self.mixers[depth](inner), self.dropout, self.training)
