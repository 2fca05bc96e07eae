"""The cells against a loop written out from the papers' equations, their gradients and their first values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kinema.temporal import Gru, Lstm
from kinema.temporal.recurrent_net import GRULayer, LSTMLayer


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gru_before_reference(layer: GRULayer, x: np.ndarray) -> np.ndarray:
    """Equations (1)-(4) of the dual-cnn-gru paper, one sample and one step at a time, in float64."""
    w, u, b = (p.detach().double().numpy() for p in (layer.kernel, layer.recurrent_kernel, layer.bias))
    wz, wr, wo = np.split(w, 3, axis=1)
    uz, ur, uo = np.split(u, 3, axis=1)
    bz, br, bo = np.split(b, 3)
    outputs = np.zeros((*x.shape[:2], layer.units))
    for sample in range(x.shape[0]):
        o = np.zeros(layer.units)
        for t in range(x.shape[1]):
            r = sigmoid(wr.T @ x[sample, t] + ur.T @ o + br)
            z = sigmoid(wz.T @ x[sample, t] + uz.T @ o + bz)
            candidate = np.tanh(wo.T @ x[sample, t] + uo.T @ (r * o) + bo)
            o = z * o + (1 - z) * candidate
            outputs[sample, t] = o
    return outputs


def make(kind: str, activation: str = "tanh", size: int = 4, units: int = 3) -> GRULayer | LSTMLayer:
    torch.manual_seed(0)
    if kind == "lstm":
        layer: GRULayer | LSTMLayer = LSTMLayer(size, units, activation=activation)
    else:
        layer = GRULayer(size, units, reset=kind, activation=activation)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return layer


@pytest.mark.parametrize("grad", [False, True])
def test_reset_before_follows_the_equations(grad: bool) -> None:
    layer = make("before")
    x = torch.randn(5, 9, 4)
    with torch.set_grad_enabled(grad):
        ours = layer.scan(layer.project(x).transpose(0, 1)).transpose(0, 1)
    np.testing.assert_allclose(ours.detach().numpy(), gru_before_reference(layer, x.numpy()), atol=1e-6)


def test_the_two_reset_places_differ() -> None:
    before, after = make("before"), make("after")
    gates = before.project(torch.randn(6, 2, 4))
    assert not torch.allclose(before.scan(gates), after.scan(gates), atol=1e-3)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("kind", ["before", "after", "lstm"])
class TestBackwardPass:
    """The hand-written backward pass against finite differences and against autograd through the loop."""

    def test_gradcheck(self, kind: str, activation: str, reverse: bool) -> None:
        layer = make(kind, activation).double()
        gates = layer.project(torch.randn(4, 2, 4, dtype=torch.float64)).detach().requires_grad_()
        kernel = layer.recurrent_kernel

        def scan(gates: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
            return layer.scan(gates, reverse=reverse)

        assert torch.autograd.gradcheck(scan, (gates, kernel))

    def test_gradcheck_from_a_state(self, kind: str, activation: str, reverse: bool) -> None:
        layer = make(kind, activation).double()
        gates = layer.project(torch.randn(4, 2, 4, dtype=torch.float64)).detach().requires_grad_()
        state = tuple(torch.randn(2, 3, dtype=torch.float64) for _ in range(layer.states))

        def scan(gates: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
            return layer.run(gates, state, reverse=reverse)[0]

        assert torch.autograd.gradcheck(scan, (gates, layer.recurrent_kernel))

    def test_equals_autograd_with_held_steps(self, kind: str, activation: str, reverse: bool) -> None:
        layer = make(kind, activation).double()
        x = torch.randn(5, 3, 4, dtype=torch.float64)
        absent = torch.arange(5).unsqueeze(1) >= torch.tensor([5, 2, 0])
        weight = torch.randn(5, 3, 3, dtype=torch.float64).masked_fill(absent.unsqueeze(2), 0.0)

        def gradients(step_by_step: bool) -> list[torch.Tensor]:
            layer.zero_grad()
            gates = layer.hold(layer.project(x), absent)
            if step_by_step:
                state, outputs = layer.initial_state(3), [torch.empty(0)] * 5
                for t in reversed(range(5)) if reverse else range(5):
                    outputs[t], state = layer.step(gates[t], state)
                out = torch.stack(outputs)
            else:
                out = layer.scan(gates, reverse=reverse)
            (out * weight).sum().backward()
            return [p.grad.clone() for p in layer.parameters() if p.grad is not None]

        ours, expected = gradients(False), gradients(True)
        assert len(ours) == 3
        for a, b in zip(ours, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("kind", "gates"), [("before", 3), ("after", 3), ("lstm", 4)])
def test_first_values_are_those_of_keras(kind: str, gates: int) -> None:
    size, units = 40, 16
    torch.manual_seed(1)
    layer = LSTMLayer(size, units) if kind == "lstm" else GRULayer(size, units, reset=kind)
    limit = (6 / (size + gates * units)) ** 0.5  # Glorot over the whole kernel
    assert 0.95 * limit < layer.kernel.abs().max() <= limit
    recurrent = layer.recurrent_kernel
    torch.testing.assert_close(recurrent @ recurrent.t(), torch.eye(units), atol=1e-5, rtol=0)
    expected = torch.zeros(gates * units)
    if kind == "lstm":
        expected[units : 2 * units] = 1  # i, f, o, g: the forget gate starts open
    assert torch.equal(layer.bias.detach(), expected)


@pytest.mark.parametrize("kind", ["before", "after", "lstm"])
def test_autocast_keeps_the_recurrence_in_full_precision(kind: str) -> None:
    torch.manual_seed(0)
    settings = {"units": 8, "layers": 2, "bidirectional": True}
    stack = (Lstm(**settings) if kind == "lstm" else Gru(reset=kind, **settings)).layers_for(8)
    x, lengths = torch.randn(3, 6, 8), torch.tensor([6, 4, 0])
    full = stack(x, lengths).detach()
    for grad in (False, True):
        with torch.autocast("cpu", torch.bfloat16), torch.set_grad_enabled(grad):
            half = stack(x, lengths)
        assert half.dtype == torch.float32
        torch.testing.assert_close(half.detach(), full, atol=0.03, rtol=0)
    half.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in stack.parameters() if p.grad is not None)
