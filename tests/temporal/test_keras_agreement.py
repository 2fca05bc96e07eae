"""The cells, directions, stacks and lengths against Keras' own layers with the same weights."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import pytest
import torch

from kinema.temporal import Gru, Lstm
from kinema.temporal.recurrent_net import GRULayer, LSTMLayer
from kinema.temporal.stack import RecurrentStack

LENGTHS = [7, 3, 1, 5]
B, T, D, U = len(LENGTHS), max(LENGTHS), 6, 5


def lstm_order(array: np.ndarray) -> np.ndarray:
    """Our i, f, o, g as Keras' i, f, g, o along the last axis."""
    i, f, o, g = np.split(array, 4, axis=-1)
    return np.concatenate([i, f, g, o], axis=-1)


def keras_weights(layer: GRULayer | LSTMLayer) -> list[np.ndarray]:
    weights = [p.detach().numpy() for p in (layer.kernel, layer.recurrent_kernel, layer.bias)]
    if isinstance(layer, LSTMLayer):
        return [lstm_order(w) for w in weights]
    if layer.reset == "after":  # Keras' second bias, which we do not have, at zero
        weights[2] = np.stack([weights[2], np.zeros_like(weights[2])])
    return weights


def keras_layer(cell: str, reset: str, activation: str, sequences: bool) -> keras.layers.Layer:
    options = {"activation": activation, "return_sequences": sequences}
    if cell == "lstm":
        return keras.layers.LSTM(U, **options)
    return keras.layers.GRU(U, reset_after=reset == "after", **options)


def keras_outputs(stack: RecurrentStack, reset: str, activation: str, x: np.ndarray, sequences: bool):
    """The same stack in Keras, fed with a mask; the last layer with or without `return_sequences`."""
    cell = "lstm" if isinstance(stack.layers[0][0], LSTMLayer) else "gru"
    mask = torch.tensor(np.arange(T) < np.array(LENGTHS)[:, None])
    for depth, sides in enumerate(stack.layers):
        top = depth == len(stack.layers) - 1
        layer = keras_layer(cell, reset, activation, sequences or not top)
        if len(sides) == 2:
            layer = keras.layers.Bidirectional(layer)
        layer.build(x.shape)
        layer.set_weights([w for side in sides for w in keras_weights(side)])
        x = layer(torch.as_tensor(x), mask=mask).detach().numpy()
    return x


def random_stack(cell: str, reset: str, activation: str, layers: int, both: bool) -> RecurrentStack:
    torch.manual_seed(layers)
    settings = {"units": U, "layers": layers, "bidirectional": both, "activation": activation}
    stack = (Gru(reset=reset, **settings) if cell == "gru" else Lstm(**settings)).layers_for(D)
    for parameter in stack.parameters():
        torch.nn.init.normal_(parameter, std=0.4)  # biases too, which start at zero
    return stack


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(("cell", "reset"), [("gru", "before"), ("gru", "after"), ("lstm", "after")])
def test_equals_keras_with_lengths(cell: str, reset: str, activation: str, layers: int, both: bool) -> None:
    stack = random_stack(cell, reset, activation, layers, both)
    x = torch.randn(B, T, D)
    lengths = torch.tensor(LENGTHS)
    expected_last = keras_outputs(stack, reset, activation, x.numpy(), sequences=False)
    expected_steps = keras_outputs(stack, reset, activation, x.numpy(), sequences=True)
    valid = np.arange(T) < np.array(LENGTHS)[:, None]
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            outputs = stack(x, lengths)
            last = stack.last(outputs, lengths)
        np.testing.assert_allclose(last.detach().numpy(), expected_last, atol=1e-5)
        np.testing.assert_allclose(outputs.detach().numpy()[valid], expected_steps[valid], atol=1e-5)


@pytest.mark.parametrize(("cell", "factor"), [("gru", 3), ("lstm", 4)])
def test_parameter_count_equals_keras(cell: str, factor: int) -> None:
    layer = keras_layer(cell, "before", "tanh", True)
    layer.build((None, T, D))
    ours = sum(p.numel() for p in (Gru if cell == "gru" else Lstm)(units=U).layers_for(D).parameters())
    assert ours == layer.count_params() == factor * (D * U + U * U + U)
