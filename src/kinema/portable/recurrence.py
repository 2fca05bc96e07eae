"""Recurrent layers as other runtimes know them: ONNX's GRU and LSTM, and a scripted loop for TorchScript.

Kinema's own layers loop in Python over a number of steps that a trace would freeze. ONNX's operators are the
same equations, with the length of every sequence as an input, so that padding needs no trick there.
"""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from ..temporal.recurrent_net import GRULayer, LSTMLayer, RecurrentLayer
from ..temporal.stack import RecurrentStack

# ONNX has the LSTM's gates in the order i, o, f, c; ours are i, f, o, c. The GRU's z, r, n are the same.
ONNX_GATES = {GRULayer: (0, 1, 2), LSTMLayer: (0, 2, 1, 3)}


def make_portable(module: nn.Module) -> None:
    """Give every recurrent stack below `module` a `run` that can be traced for any number of steps."""
    for part in module.modules():
        if isinstance(part, RecurrentStack):
            part.run = partial(run_portable, part)  # type: ignore[method-assign]


def run_portable(stack: RecurrentStack, x: Tensor, absent: Tensor) -> Tensor:
    """What `RecurrentStack.run` gives at the valid steps, [B, T, U or 2U]."""
    x = x.transpose(0, 1)
    absent = absent.t()
    for sides in stack.layers:
        layers: Sequence[Any] = list(sides)  # type: ignore[call-overload]
        x = _onnx_layer(layers, x, absent) if torch.onnx.is_in_onnx_export() else _loops(layers, x, absent)
    return x.transpose(0, 1)


def _loops(layers: Sequence[RecurrentLayer], x: Tensor, absent: Tensor) -> Tensor:
    """One layer in TorchScript: [T, B, D], absent bool [T, B] -> [T, B, U or 2U]."""
    loop = _scripted()
    sides = []
    for direction, layer in enumerate(layers):
        options = isinstance(layer, LSTMLayer), getattr(layer, "reset", "") == "before"
        relu, reverse = layer.activation == "relu", direction == 1
        sides.append(loop(layer.project(x), layer.recurrent_kernel, absent, *options, relu, reverse))
    return torch.cat(sides, dim=2)


def scan(
    gates: Tensor, kernel: Tensor, absent: Tensor, lstm: bool, before: bool, relu: bool, reverse: bool
) -> Tensor:
    """All steps of one direction: projected gates [T, B, G U] -> outputs [T, B, U]; absent steps hold."""
    steps, units = gates.shape[0], kernel.shape[0]
    h = torch.zeros([gates.shape[1], units], dtype=gates.dtype, device=gates.device)
    c = h
    outputs: list[Tensor] = []
    for i in range(steps):
        t = steps - 1 - i if reverse else i
        x = gates[t]
        keeps = absent[t].unsqueeze(1)
        if lstm:
            a = x + h @ kernel
            candidate = a[:, 3 * units :]
            candidate = candidate.relu() if relu else candidate.tanh()
            new_c = a[:, units : 2 * units].sigmoid() * c + a[:, :units].sigmoid() * candidate
            squashed = new_c.relu() if relu else new_c.tanh()
            new = a[:, 2 * units : 3 * units].sigmoid() * squashed
            c = torch.where(keeps, c, new_c)
        else:
            zr = (x[:, : 2 * units] + h @ kernel[:, : 2 * units]).sigmoid()
            z, r = zr[:, :units], zr[:, units:]
            below = kernel[:, 2 * units :]
            candidate = x[:, 2 * units :] + ((r * h) @ below if before else r * (h @ below))
            candidate = candidate.relu() if relu else candidate.tanh()
            new = z * h + (1 - z) * candidate
        h = torch.where(keeps, h, new)
        outputs.append(h)
    if reverse:
        outputs.reverse()
    return torch.stack(outputs)


@cache
def _scripted() -> Any:
    """`scan` compiled, so that a trace keeps its loop."""
    return torch.jit.script(scan)


def _onnx_layer(layers: Sequence[RecurrentLayer], x: Tensor, absent: Tensor) -> Tensor:
    """One layer as one operator of ONNX: [T, B, D] -> [T, B, U or 2U]."""
    first = layers[0]
    gates = ONNX_GATES[type(first)]  # type: ignore[index]
    w, r, b = (
        torch.stack([_rows(getattr(layer, name), gates) for layer in layers])
        for name in ("kernel", "recurrent_kernel", "bias")
    )
    bias = torch.cat([b, torch.zeros_like(b)], dim=1)  # the second half is the recurrent bias
    # A length of 0 has its outputs set to zero later; runtimes differ in whether they take it.
    lengths = (~absent).sum(0).clamp(min=1).to(torch.int32)
    act = "Relu" if first.activation == "relu" else "Tanh"
    if isinstance(first, LSTMLayer):
        kind, activations, after = "LSTM", ["Sigmoid", act, act], -1
    else:
        kind, activations, after = "GRU", ["Sigmoid", act], int(getattr(first, "reset", "") == "after")
    out: Tensor = _OnnxLayer.apply(x, w, r, bias, lengths, kind, activations * len(layers), after)
    return out.transpose(1, 2).flatten(2)


def _rows(values: Tensor, gates: Sequence[int]) -> Tensor:
    """A kernel [D, G U] or bias [G U] as ONNX has it, [G U, D] or [G U], its blocks in that order."""
    blocks = values.t().chunk(len(gates)) if values.ndim == 2 else values.chunk(len(gates))
    return torch.cat([blocks[gate] for gate in gates])


class _OnnxLayer(torch.autograd.Function):
    """The operator's place in a trace; what it computes there counts for its shape alone."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        w: Tensor,
        r: Tensor,
        b: Tensor,
        lengths: Tensor,
        kind: str,
        acts: Any,
        after: int,
    ) -> Tensor:
        return x.new_zeros(x.shape[0], w.shape[0], x.shape[1], r.shape[2])

    @staticmethod
    def symbolic(
        g: Any, x: Any, w: Any, r: Any, b: Any, lengths: Any, kind: str, acts: list[str], after: int
    ) -> Any:
        directions, _, units = r.type().sizes()
        options: dict[str, Any] = {
            "hidden_size_i": units,
            "direction_s": "bidirectional" if directions == 2 else "forward",
            "activations_s": acts,
        }
        if after >= 0:
            options["linear_before_reset_i"] = after
        out = g.op(kind, x, w, r, b, lengths, outputs=3 if kind == "LSTM" else 2, **options)[0]
        out.setType(x.type().with_sizes([None, directions, None, units]))
        return out
