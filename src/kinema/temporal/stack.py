"""Layers with an output at every step, over padded batches: stacked and in one or both directions."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop

from .pooling import absent_steps, last_step
from .recurrent import Recurrent
from .recurrent_net import RecurrentLayer

State = tuple[tuple[Tensor, ...], ...]


class StepLayers(nn.Module):
    """Layers with an output at every step of a padded batch: [B, T, D] -> [B, T, `output_size`]."""

    def __init__(self, input_size: int):
        super().__init__()
        self.input_size = self.output_size = input_size

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs of the top layer at every step.

        x: float [B, T, D], finite past the lengths too. lengths: int64 [B], 0 <= length <= T; None means that
        every step is valid. Returns [B, T, U]; steps past the length are zero.
        """
        self._check(x, lengths)
        if 0 in x.shape[:2]:
            return x.new_zeros(*x.shape[:2], self.output_size)
        absent = None
        if lengths is not None and bool((lengths < x.shape[1]).any()):
            absent = absent_steps(lengths.to(x.device), x.shape[1])
        outputs = self.run(x, absent)
        return outputs if absent is None else outputs.masked_fill(absent.unsqueeze(2), 0.0)

    def run(self, x: Tensor, absent: Tensor | None) -> Tensor:
        """[B, T, D] -> [B, T, U]; `absent` bool [B, T], True past the lengths; None: all valid."""
        raise NotImplementedError

    def last(self, outputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The output after every valid step was seen, [B, U]; a sequence of length 0 gives zeros."""
        return last_step(outputs, lengths)

    def initial_state(self, batch: int) -> State:
        """The state before the first `step`, for `batch` sequences. Raises ValueError for both directions."""
        raise NotImplementedError

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step x [B, D]: (output [B, U], next state); the same numbers as `forward` on all steps."""
        raise NotImplementedError

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Many steps x [B, T, D] from a state: (outputs [B, T, U], next state, apart from the gradient)."""
        raise NotImplementedError

    def _check(self, x: Tensor, lengths: Tensor | None) -> None:
        if x.ndim != 3 or x.shape[2] != self.input_size:
            raise ValueError(f"x must be [B, T, {self.input_size}], got {list(x.shape)}")
        if lengths is None:
            return
        if lengths.shape != x.shape[:1] or lengths.is_floating_point():
            raise ValueError(f"lengths must be int64 [{len(x)}], got {lengths.dtype} {list(lengths.shape)}")
        if len(x) and not 0 <= int(lengths.min()) <= int(lengths.max()) <= x.shape[1]:
            raise ValueError(f"lengths must lie in 0..{x.shape[1]}, got {lengths.tolist()}")


class RecurrentStack(StepLayers):
    """`layers` recurrent layers; each step of a layer sees the outputs of the layer below.

    Both directions give [B, T, 2U] (forward, backward); the backward one starts at each sequence's own last
    valid step. `dropout` acts between layers, in training only.
    """

    def __init__(self, input_size: int, spec: Recurrent):
        super().__init__(input_size)
        self.units, self.dropout, self.bidirectional = spec.units, spec.dropout, spec.bidirectional
        self.layers = nn.ModuleList()  # one list a layer: forward direction, then backward where there is one
        for _ in range(spec.layers):
            sides = [spec.cell(self.output_size) for _ in range(1 + spec.bidirectional)]
            self.layers.append(nn.ModuleList(sides))
            self.output_size = spec.units * len(sides)

    def run(self, x: Tensor, absent: Tensor | None) -> Tensor:
        """[B, T, D] -> [B, T, U or 2U].

        Only the first layer sees batch-major input: that input is the large one, and turning it to
        time-major after its projection, not before, spares a copy.
        """
        for depth, sides in enumerate(self.layers):
            if depth:
                x = drop(x, self.dropout, self.training)
            outputs = []
            for direction, layer in enumerate(cast("list[RecurrentLayer]", sides)):
                gates = layer.project(x)
                gates = gates if depth else gates.transpose(0, 1)
                if absent is not None:
                    gates = layer.hold(gates, absent.t())
                with torch.autocast(x.device.type, enabled=False):  # rounding would add up over the steps
                    outputs.append(layer.scan(gates, reverse=direction == 1))
            x = torch.cat(outputs, dim=2) if self.bidirectional else outputs[0]
        return x.transpose(0, 1)

    def last(self, outputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Each direction's output after it has seen every valid step, [B, U or 2U].

        That is the last valid step for the forward direction and step 0 for the backward one (Keras'
        `Bidirectional` with `return_sequences=False`).
        """
        last = last_step(outputs, lengths)
        if not self.bidirectional or outputs.shape[1] == 0:
            return last
        return torch.cat([last[:, : self.units], outputs[:, 0, self.units :]], dim=1)

    def initial_state(self, batch: int) -> State:
        return tuple(layer.initial_state(batch) for layer in self._forward_layers())

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        states = []
        for depth, (layer, past) in enumerate(zip(self._forward_layers(), state, strict=True)):
            gates = layer.project(drop(x, self.dropout, self.training) if depth else x)
            with torch.autocast(x.device.type, enabled=False):
                x, new = layer.step(gates, past)
            states.append(new)
        return x, tuple(states)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        states = []
        for depth, (layer, past) in enumerate(zip(self._forward_layers(), state, strict=True)):
            gates = layer.project(drop(x, self.dropout, self.training) if depth else x)
            with torch.autocast(x.device.type, enabled=False):
                outputs, new = layer.run(gates.transpose(0, 1), past)
            x = outputs.transpose(0, 1)
            states.append(new)
        return x, tuple(states)

    def _forward_layers(self) -> list[RecurrentLayer]:
        if self.bidirectional:
            raise ValueError("both directions need whole sequences; set bidirectional: false for steps")
        return [cast(nn.ModuleList, sides)[0] for sides in self.layers]  # type: ignore[misc]


class RunningMean(StepLayers):
    """h_t = (x_1 + ... + x_t) / t: the last step is the mean of all, whatever their order."""

    def run(self, x: Tensor, absent: Tensor | None) -> Tensor:
        count = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)
        return x.cumsum(1) / count.unsqueeze(1)

    def initial_state(self, batch: int) -> State:
        """Nothing seen yet: ((mean [B, D], count),)."""
        return ((torch.zeros(batch, self.output_size), torch.zeros(())),)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        mean, count = (part.to(x) for part in state[0])
        count = count + 1
        mean = mean + (x - mean) / count
        return mean, ((mean, count),)
