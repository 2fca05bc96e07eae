"""Stacks over padded batches: lengths, directions, steps, bad calls."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.temporal import Gru, Lstm, Mean
from kinema.temporal.stack import StepLayers

CELLS = [("gru", "before"), ("gru", "after"), ("lstm", "after"), ("mean", "after")]
D = 5


def make(
    cell: str, reset: str, *, both: bool = False, layers: int = 2, activation: str = "tanh"
) -> StepLayers:
    torch.manual_seed(3)
    if cell == "mean":
        return Mean().layers_for(D)
    settings = {"units": 4, "layers": layers, "bidirectional": both, "activation": activation}
    spec = Gru(reset=reset, **settings) if cell == "gru" else Lstm(**settings)
    return spec.layers_for(D)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(("cell", "reset"), CELLS)
@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5), extra=st.integers(0, 4), grad=st.booleans()
)
def test_padding_changes_nothing(
    cell: str, reset: str, both: bool, lengths: list[int], extra: int, grad: bool
) -> None:
    """Each sequence of a padded batch gives what it gives alone, whatever the padding holds."""
    stack = make(cell, reset, both=both)
    x = torch.randn(len(lengths), max(lengths) + extra, D) * 3
    with torch.set_grad_enabled(grad):
        outputs = stack(x, torch.tensor(lengths)).detach()
        last = stack.last(outputs, torch.tensor(lengths))
        for row, length in enumerate(lengths):
            alone = stack(x[row : row + 1, :length]).detach()
            torch.testing.assert_close(outputs[row : row + 1, :length], alone, atol=1e-6, rtol=0)
            torch.testing.assert_close(last[row : row + 1], stack.last(alone), atol=1e-6, rtol=0)
            assert not outputs[row, length:].any()


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(("cell", "reset"), CELLS[:3])
def test_padding_changes_no_gradient(cell: str, reset: str, both: bool) -> None:
    stack = make(cell, reset, both=both, activation="relu")
    x, lengths = torch.randn(3, 4, D), torch.tensor([4, 2, 0])

    def gradients(pad: float) -> list[torch.Tensor]:
        stack.zero_grad()
        padded = torch.cat([x, torch.full((3, 50, D), pad)], dim=1)
        stack.last(stack(padded, lengths), lengths).square().sum().backward()
        return [p.grad.clone() for p in stack.parameters() if p.grad is not None]

    for a, b in zip(gradients(0.0), gradients(1e6), strict=True):
        assert torch.isfinite(a).all()
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("cell", "reset"), CELLS[:3])
def test_backward_direction_reads_each_sequence_from_its_own_end(cell: str, reset: str) -> None:
    """A stack whose two directions share weights, on reversed sequences, gives the mirror image."""
    stack = make(cell, reset, both=True, layers=1)
    forward, backward = stack.layers[0]
    backward.load_state_dict(forward.state_dict())
    x, lengths = torch.randn(3, 6, D), torch.tensor([6, 4, 1])
    mirrored = torch.zeros_like(x)
    for row, length in enumerate(lengths.tolist()):
        mirrored[row, :length] = x[row, :length].flip(0)
    last, mirror = stack.last(stack(x, lengths), lengths), stack.last(stack(mirrored, lengths), lengths)
    torch.testing.assert_close(last[:, :4], mirror[:, 4:], atol=1e-6, rtol=0)
    torch.testing.assert_close(last[:, 4:], mirror[:, :4], atol=1e-6, rtol=0)
    assert not torch.allclose(last[:2, :4], last[:2, 4:], atol=1e-3)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(("cell", "reset"), CELLS)
def test_no_steps_give_zeros_and_no_nan(cell: str, reset: str, both: bool) -> None:
    stack = make(cell, reset, both=both)
    for x in (torch.randn(2, 1, D), torch.randn(2, 3, D), torch.zeros(2, 0, D)):
        none = torch.zeros(2, dtype=torch.int64)
        assert torch.equal(stack.last(stack(x, none), none), torch.zeros(2, stack.output_size))
    one = stack(torch.randn(2, 1, D), torch.tensor([1, 1]))
    assert one.shape == (2, 1, stack.output_size)
    assert torch.isfinite(one).all()
    assert one.abs().sum() > 0


@pytest.mark.parametrize(("cell", "reset"), CELLS)
def test_steps_equal_the_whole(cell: str, reset: str) -> None:
    stack = make(cell, reset)
    x = torch.randn(3, 8, D)
    whole, state = stack(x), stack.initial_state(3)
    for t in range(8):
        out, state = stack.step(x[:, t], state)
        torch.testing.assert_close(out, whole[:, t], atol=1e-6, rtol=0)


def test_both_directions_cannot_step() -> None:
    stack = make("gru", "after", both=True)
    with pytest.raises(ValueError, match="bidirectional: false"):
        stack.initial_state(1)
    with pytest.raises(ValueError, match="bidirectional: false"):
        stack.step(torch.zeros(1, D), ())


def test_mean_cell_is_the_masked_mean_and_has_no_parameters() -> None:
    stack = Mean().layers_for(D)
    x, lengths = torch.randn(2, 4, D), torch.tensor([4, 2])
    expected = torch.stack([x[0].mean(0), x[1, :2].mean(0)])
    torch.testing.assert_close(stack.last(stack(x, lengths), lengths), expected)
    assert list(stack.parameters()) == []
    assert stack.output_size == D


@pytest.mark.parametrize("lengths", [[3, 5], [3], [-1, 2], [1.0, 2.0]])
def test_wrong_lengths_are_refused(lengths: list) -> None:
    with pytest.raises(ValueError, match="lengths must"):
        make("gru", "after")(torch.zeros(2, 4, D), torch.tensor(lengths))


def test_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="x must be"):
        make("gru", "after")(torch.zeros(2, 4, D + 1))


def test_dropout_acts_between_layers_in_training_only() -> None:
    def outputs(layers: int, train: bool) -> torch.Tensor:
        torch.manual_seed(0)
        stack = Gru(units=4, layers=layers, dropout=0.5).layers_for(D).train(train)
        x = torch.ones(1, 3, D)
        return torch.stack([stack(x) for _ in range(4)]).detach()

    assert (outputs(2, train=True).std(0) > 0).any()
    assert not outputs(2, train=False).std(0).any()
    assert not outputs(1, train=True).std(0).any()  # one layer has no between
