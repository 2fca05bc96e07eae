"""Recurrences over a whole sequence with a hand-written backward pass.

Autograd through a Python loop adds a [U, 3U] weight gradient at every step and launches some thirty small
operations for it. Here the loop backwards keeps only what truly depends on the next step; local derivatives
and the weight gradient are computed for all steps at once. Same gradients, less time: see bench/recurrent.py.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


def _order(steps: int, reverse: bool) -> range:
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _previous(states: Tensor, reverse: bool, first: Tensor | None) -> Tensor:
    """The state that each step started from: `states` [T, B, U] moved by one step; `first` before all."""
    shifted = torch.zeros_like(states)
    if reverse:
        shifted[:-1] = states[1:]
    else:
        shifted[1:] = states[:-1]
    if first is not None:
        shifted[-1 if reverse else 0] = first
    return shifted


def _activate_(x: Tensor, activation: str) -> Tensor:
    return x.relu_() if activation == "relu" else x.tanh_()


def _slope(y: Tensor, activation: str) -> Tensor:
    """Derivative of the activation, from its output."""
    return (y > 0).to(y.dtype) if activation == "relu" else 1 - y * y


def _weight_gradient(inputs: Tensor, gradients: Tensor) -> Tensor:
    """Sum over steps and batch of outer products: [T, B, U], [T, B, G] -> [U, G]."""
    return inputs.flatten(0, 1).t() @ gradients.flatten(0, 1)


class GRUBefore(Function):
    """`apply(gates [T, B, 3U] (z, r, n), kernel [U, 3U], activation, reverse, first)` -> states [T, B, U].

    `first` [B, U] is the state before the first step, None for zeros; no gradient goes back to it.
    """

    @staticmethod
    def forward(
        ctx: Any, gates: Tensor, kernel: Tensor, activation: str, reverse: bool, first: Tensor | None
    ) -> Tensor:
        steps, batch, units = gates.shape[0], gates.shape[1], kernel.shape[0]
        zr = gates.new_empty(steps, batch, 2 * units)
        n, states = gates.new_empty(2, steps, batch, units).unbind(0)
        kernel_zr, kernel_n = kernel[:, : 2 * units], kernel[:, 2 * units :]
        h = gates.new_zeros(batch, units) if first is None else first
        for t in _order(steps, reverse):
            torch.addmm(gates[t, :, : 2 * units], h, kernel_zr, out=zr[t]).sigmoid_()
            z, r = zr[t].chunk(2, 1)
            _activate_(torch.addmm(gates[t, :, 2 * units :], r * h, kernel_n, out=n[t]), activation)
            h = torch.lerp(n[t], h, z, out=states[t])
        ctx.save_for_backward(kernel, zr, n, states, first)
        ctx.activation, ctx.reverse = activation, reverse
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        kernel, zr, n, states, first = ctx.saved_tensors
        units = kernel.shape[0]
        z, r = zr.chunk(2, 2)
        previous = _previous(states, ctx.reverse, first)
        by_z = (previous - n) * z * (1 - z)  # d pre-activation z / d h
        by_n = (1 - z) * _slope(n, ctx.activation)
        by_r = previous * r * (1 - r)
        d_gates = torch.empty_like(by_z).repeat(1, 1, 3)
        back_zr, back_n = kernel[:, : 2 * units].t(), kernel[:, 2 * units :].t()
        carry = torch.zeros_like(states[0])
        for t in _order(len(states), not ctx.reverse):
            dh = grad[t] + carry
            torch.mul(dh, by_z[t], out=d_gates[t, :, :units])
            d_n = torch.mul(dh, by_n[t], out=d_gates[t, :, 2 * units :])
            d_rh = d_n @ back_n
            torch.mul(d_rh, by_r[t], out=d_gates[t, :, units : 2 * units])
            carry = (dh * z[t]).addcmul_(d_rh, r[t]).addmm_(d_gates[t, :, : 2 * units], back_zr)
        d_kernel = torch.cat(
            [
                _weight_gradient(previous, d_gates[..., : 2 * units]),
                _weight_gradient(r * previous, d_gates[..., 2 * units :]),
            ],
            dim=1,
        )
        return d_gates, d_kernel, None, None, None


class GRUAfter(Function):
    """As `GRUBefore`, with the reset gate after the product."""

    @staticmethod
    def forward(
        ctx: Any, gates: Tensor, kernel: Tensor, activation: str, reverse: bool, first: Tensor | None
    ) -> Tensor:
        steps, batch, units = gates.shape[0], gates.shape[1], kernel.shape[0]
        zr = gates.new_empty(steps, batch, 2 * units)
        recurrent_n, n, states = gates.new_empty(3, steps, batch, units).unbind(0)
        h = gates.new_zeros(batch, units) if first is None else first
        for t in _order(steps, reverse):
            recurrent = h @ kernel
            torch.add(gates[t, :, : 2 * units], recurrent[:, : 2 * units], out=zr[t]).sigmoid_()
            recurrent_n[t] = recurrent[:, 2 * units :]
            z, r = zr[t].chunk(2, 1)
            _activate_(torch.addcmul(gates[t, :, 2 * units :], r, recurrent_n[t], out=n[t]), activation)
            h = torch.lerp(n[t], h, z, out=states[t])
        ctx.save_for_backward(kernel, zr, recurrent_n, n, states, first)
        ctx.activation, ctx.reverse = activation, reverse
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        kernel, zr, recurrent_n, n, states, first = ctx.saved_tensors
        z, r = zr.chunk(2, 2)
        previous = _previous(states, ctx.reverse, first)
        by_n = (1 - z) * _slope(n, ctx.activation)
        # d (z, r, U_n h) / d h: the three things that the recurrent product feeds
        local = torch.cat([(previous - n) * z * (1 - z), by_n * recurrent_n * r * (1 - r), by_n * r], dim=2)
        d_recurrent = torch.empty_like(local)
        back = kernel.t()
        carry = torch.zeros_like(states[0])
        d_states = torch.empty_like(states)
        for t in _order(len(states), not ctx.reverse):
            dh = torch.add(grad[t], carry, out=d_states[t])
            torch.mul(dh.repeat(1, 3), local[t], out=d_recurrent[t])
            carry = torch.addmm(dh * z[t], d_recurrent[t], back)
        d_kernel = _weight_gradient(previous, d_recurrent)
        units = kernel.shape[0]
        d_gates = d_recurrent
        d_gates[..., 2 * units :] = d_states * by_n
        return d_gates, d_kernel, None, None, None


class LSTM(Function):
    """`apply(gates [T, B, 4U] (i, f, o, g), kernel [U, 4U], activation, reverse, first h, first c)`.

    -> outputs [T, B, U] and the cell [B, U] after the last step, which passes no gradient on. The states
    before the first step are [B, U], None for zeros; no gradient goes back to them.
    """

    @staticmethod
    def forward(
        ctx: Any,
        gates: Tensor,
        kernel: Tensor,
        activation: str,
        reverse: bool,
        first: Tensor | None,
        first_cell: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        steps, batch, units = gates.shape[0], gates.shape[1], kernel.shape[0]
        ifog = torch.empty_like(gates, memory_format=torch.contiguous_format)
        cells, squashed, outputs = gates.new_empty(3, steps, batch, units).unbind(0)
        h = gates.new_zeros(batch, units) if first is None else first
        c = gates.new_zeros(batch, units) if first_cell is None else first_cell
        for t in _order(steps, reverse):
            torch.addmm(gates[t], h, kernel, out=ifog[t])
            i, f, o = ifog[t, :, : 3 * units].sigmoid_().chunk(3, 1)
            g = _activate_(ifog[t, :, 3 * units :], activation)
            c = torch.mul(f, c, out=cells[t]).addcmul_(i, g)
            h = torch.mul(o, _activate_(squashed[t].copy_(c), activation), out=outputs[t])
        ctx.save_for_backward(kernel, ifog, cells, squashed, outputs, first, first_cell)
        ctx.activation, ctx.reverse = activation, reverse
        last = c.clone()
        ctx.mark_non_differentiable(last)
        return outputs, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        kernel, ifog, cells, squashed, outputs, first, first_cell = ctx.saved_tensors
        units = kernel.shape[0]
        i, f, o, g = ifog.chunk(4, 2)
        by_o = squashed * o * (1 - o)
        c_by_h = o * _slope(squashed, ctx.activation)
        by_f = _previous(cells, ctx.reverse, first_cell) * f * (1 - f)
        # d pre-activations of i, f and g / d c
        by_c = torch.stack([g * i * (1 - i), by_f, i * _slope(g, ctx.activation)], dim=2)
        d_gates = torch.empty_like(ifog)
        by_gate = d_gates.unflatten(2, (4, units))
        back = kernel.t()
        carry_h = torch.zeros_like(outputs[0])
        carry_c = torch.zeros_like(outputs[0])
        for t in _order(len(outputs), not ctx.reverse):
            dh = grad[t] + carry_h
            dc = torch.addcmul(carry_c, dh, c_by_h[t])
            torch.mul(dc.unsqueeze(1), by_c[t, :, :2], out=by_gate[t, :, :2])
            torch.mul(dh, by_o[t], out=by_gate[t, :, 2])
            torch.mul(dc, by_c[t, :, 2], out=by_gate[t, :, 3])
            carry_c = dc * f[t]
            carry_h = d_gates[t] @ back
        d_kernel = _weight_gradient(_previous(outputs, ctx.reverse, first), d_gates)
        return d_gates, d_kernel, None, None, None, None
