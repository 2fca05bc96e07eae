"""Stacked recurrent layers in one or both directions over padded batches."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop

from .gru import Activation, GRULayer, Reset
from .lstm import LSTMLayer
from .mean import RunningMean
from .pooling import absent_steps, last_step

State = tuple[tuple[Tensor, ...], ...]


class RecurrentStack(nn.Module):
    """`layers` recurrent layers; each step of a layer sees the outputs of the layer below.

    `cell: mean` is the bag of frames: a running mean of the inputs, for which units, layers, direction,
    reset and activation have no meaning. `dropout` acts between layers, in training only.
    """

    def __init__(
        self,
        input_size: int,
        *,
        cell: Literal["gru", "lstm", "mean"] = "gru",
        units: int = 256,
        layers: int = 1,
        bidirectional: bool = False,
        reset: Reset = "after",
        activation: Activation = "tanh",
        dropout: float = 0.0,
    ):
        super().__init__()
        self.cell, self.units, self.dropout = cell, units, dropout
        self.bidirectional = bidirectional and cell != "mean"
        self.input_size = self.output_size = input_size
        directions = 1 + self.bidirectional
        self.layers = nn.ModuleList()  # one list a layer: forward direction, then backward where there is one
        for _ in range(0 if cell == "mean" else layers):
            sides = [self._layer(self.output_size, reset, activation) for _ in range(directions)]
            self.layers.append(nn.ModuleList(sides))
            self.output_size = units * directions
        self.running_mean = RunningMean()

    def _layer(self, size: int, reset: Reset, activation: Activation) -> GRULayer | LSTMLayer:
        if self.cell == "lstm":
            return LSTMLayer(size, self.units, activation=activation)
        return GRULayer(size, self.units, reset=reset, activation=activation)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs of the top layer at every step.

        x: float [B, T, D], finite past the lengths too. lengths: int64 [B], 0 <= length <= T; None means that
        every step is valid. Returns [B, T, U], or [B, T, 2U] (forward, backward) for both directions; steps
        past the length are zero. The backward direction starts at each sequence's own last valid step.
        """
        self._check(x, lengths)
        if 0 in x.shape[:2]:
            return x.new_zeros(*x.shape[:2], self.output_size)
        absent = None
        if lengths is not None and bool((lengths < x.shape[1]).any()):
            absent = absent_steps(lengths.to(x.device), x.shape[1]).t()
        outputs = self.running_mean(x) if self.cell == "mean" else self._run(x, absent).transpose(0, 1)
        return outputs if absent is None else outputs.masked_fill(absent.t().unsqueeze(2), 0.0)

    def _run(self, x: Tensor, absent: Tensor | None) -> Tensor:
        """[B, T, D] -> [T, B, U or 2U].

        Only the first layer sees batch-major input: that input is the large one, and turning it to
        time-major after its projection, not before, spares a copy.
        """
        for depth, sides in enumerate(self.layers):
            if depth:
                x = drop(x, self.dropout, self.training)
            outputs = []
            for direction, layer in enumerate(cast("list[GRULayer | LSTMLayer]", sides)):
                gates = layer.project(x)
                gates = gates if depth else gates.transpose(0, 1)
                if absent is not None:
                    gates = layer.hold(gates, absent)
                with torch.autocast(x.device.type, enabled=False):  # rounding would add up over the steps
                    outputs.append(layer.scan(gates, reverse=direction == 1))
            x = torch.cat(outputs, dim=2) if self.bidirectional else outputs[0]
        return x

    def last(self, outputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The sequence's embedding [B, U or 2U]: each direction's output after it has seen every valid step.

        That is the last valid step for the forward direction and step 0 for the backward one (Keras'
        `Bidirectional` with `return_sequences=False`). A sequence of length 0 gives zeros.
        """
        last = last_step(outputs, lengths)
        if not self.bidirectional or outputs.shape[1] == 0:
            return last
        return torch.cat([last[:, : self.units], outputs[:, 0, self.units :]], dim=1)

    def initial_state(self, batch: int) -> State:
        """The state before the first `step`, for `batch` sequences."""
        self._check_steps()
        if self.cell == "mean":
            return (self.running_mean.initial_state(torch.zeros(batch, self.input_size)),)
        return tuple(layer.initial_state(batch) for layer in self._forward_layers())

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step x [B, D]: (output [B, U], next state); the same numbers as `forward` on all steps.

        Raises ValueError for both directions: the backward one needs the end of the sequence.
        """
        self._check_steps()
        if self.cell == "mean":
            out, mean = self.running_mean.step(x, tuple(part.to(x.device) for part in state[0]))
            return out, (mean,)
        states = []
        for depth, (layer, past) in enumerate(zip(self._forward_layers(), state, strict=True)):
            gates = layer.project(drop(x, self.dropout, self.training) if depth else x)
            with torch.autocast(x.device.type, enabled=False):
                x, new = layer.step(gates, past)
            states.append(new)
        return x, tuple(states)

    def _forward_layers(self) -> list[GRULayer | LSTMLayer]:
        return [cast(nn.ModuleList, sides)[0] for sides in self.layers]  # type: ignore[misc]

    def _check_steps(self) -> None:
        if self.bidirectional:
            raise ValueError("both directions need whole sequences; set bidirectional: false for steps")

    def _check(self, x: Tensor, lengths: Tensor | None) -> None:
        if x.ndim != 3 or x.shape[2] != self.input_size:
            raise ValueError(f"x must be [B, T, {self.input_size}], got {list(x.shape)}")
        if lengths is None:
            return
        if lengths.shape != x.shape[:1] or lengths.is_floating_point():
            raise ValueError(f"lengths must be int64 [{len(x)}], got {lengths.dtype} {list(lengths.shape)}")
        if len(x) and not 0 <= int(lengths.min()) <= int(lengths.max()) <= x.shape[1]:
            raise ValueError(f"lengths must lie in 0..{x.shape[1]}, got {lengths.tolist()}")
