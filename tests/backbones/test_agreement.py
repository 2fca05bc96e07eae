"""Features agree to 1e-4 with independent implementations that are given the same values.

Keras applications serve for VGG16, MobileNetV2 and Inception-ResNet-v2. They cannot for the other two:
Keras has no GoogLeNet, and its ResNet152 halves the size in another convolution than torchvision's does
(and pads it on one side). Those two are written out below, in float64, from the papers' tables.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

os.environ.setdefault("KERAS_BACKEND", "torch")

from kinema.backbones.random_init import initialise, synthetic_batch
from kinema.backbones.table import backbone_module

keras = pytest.importorskip("keras")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def loaded_and_input(name: str, features: str | None = None):
    entry = backbone_module(name)
    spec = entry.SPEC.input
    module = entry.build(entry.SPEC.features_name(features))
    initialise(module, replace(spec, size=(96, 96)), seed=3)  # a batch of whole frames would be slow
    module.requires_grad_(False)
    frame = synthetic_batch(spec, seed=11)[:1]
    with torch.inference_mode():
        return module, frame, module(frame).numpy()


def assert_close(ours: np.ndarray, reference: np.ndarray) -> None:
    """Relative to the length of the vector, and no single value off by 1e-4 of the largest."""
    assert ours.shape == reference.shape
    assert np.linalg.norm(ours - reference) <= 1e-4 * np.linalg.norm(reference)
    assert np.abs(ours - reference).max() <= 1e-4 * np.abs(reference).max()


def keras_output(model, x: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return np.asarray(keras.ops.convert_to_numpy(model(x.astype(np.float32), training=False)))


def convolutions(module: torch.nn.Module, bias: bool | None = None) -> list[torch.nn.Conv2d]:
    found = [m for m in module.modules() if isinstance(m, torch.nn.Conv2d)]
    return [m for m in found if bias is None or (m.bias is not None) == bias]


def norms(module: torch.nn.Module) -> list[torch.nn.BatchNorm2d]:
    return [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]


def give_conv(layer, conv: torch.nn.Conv2d) -> None:
    kernel = conv.weight.numpy().transpose(2, 3, 1, 0)
    if "depthwise" in type(layer).__name__.lower():
        kernel = conv.weight.numpy().transpose(2, 3, 0, 1)
    layer.set_weights([kernel] if conv.bias is None else [kernel, conv.bias.numpy()])


def give_norm(layer, norm: torch.nn.BatchNorm2d) -> None:
    # Keras adds its own epsilon to the variance: the difference goes into the variance.
    variance = norm.running_var.numpy() + norm.eps - layer.epsilon
    values = [norm.bias.numpy(), norm.running_mean.numpy(), variance]
    layer.set_weights([norm.weight.numpy(), *values] if layer.scale else values)
    assert layer.scale or bool((norm.weight == 1).all())


def by_number(layers: list, pattern: str) -> list:
    found = [(re.fullmatch(pattern, layer.name), layer) for layer in layers]
    numbered = [(int(match.group(1) or 0), layer) for match, layer in found if match]
    return [layer for _, layer in sorted(numbered, key=lambda pair: pair[0])]


@pytest.mark.parametrize("features", ["flatten", "pool"])
def test_vgg16_agrees_with_keras(features):
    module, frame, ours = loaded_and_input("vgg16", features)
    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=tuple(frame.shape[1:]))
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    for layer, conv in zip(layers, convolutions(module), strict=True):
        give_conv(layer, conv)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    maps = keras_output(model, (frame.numpy() / 255 - mean) / std)
    channels_first = maps.transpose(0, 3, 1, 2)
    expected = channels_first.reshape(1, -1) if features == "flatten" else channels_first.mean((2, 3))
    assert_close(ours, expected)


def test_mobilenet_v2_agrees_with_keras():
    module, frame, ours = loaded_and_input("mobilenet_v2")
    model = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(224, 224, 3))
    kinds = keras.layers.Conv2D | keras.layers.DepthwiseConv2D
    for layer, conv in zip(
        [layer for layer in model.layers if isinstance(layer, kinds)], convolutions(module), strict=True
    ):
        give_conv(layer, conv)
    for layer, norm in zip(
        [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)],
        norms(module),
        strict=True,
    ):
        give_norm(layer, norm)
    maps = keras_output(model, (frame.numpy().astype(np.float64) - 128) / 128)
    assert_close(ours, maps.mean((1, 2)))


def test_inception_resnet_v2_agrees_with_keras():
    module, frame, ours = loaded_and_input("inception_resnet_v2")
    model = keras.applications.InceptionResNetV2(
        weights=None, include_top=False, input_shape=tuple(frame.shape[1:])
    )
    layers = model.layers
    # Keras lists layers by depth; the numbers in their names give the order in which they were made.
    plain = [*by_number(layers, r"conv2d(?:_(\d+))?"), model.get_layer("conv_7b")]
    for layer, conv in zip(plain, convolutions(module, bias=False), strict=True):
        give_conv(layer, conv)
    ups = [up for size in (35, 17, 8) for up in by_number(layers, rf"block{size}_(\d+)_conv")]
    for layer, conv in zip(ups, convolutions(module, bias=True), strict=True):
        give_conv(layer, conv)
    named = [*by_number(layers, r"batch_normalization(?:_(\d+))?"), model.get_layer("conv_7b_bn")]
    for layer, norm in zip(named, norms(module), strict=True):
        give_norm(layer, norm)
    maps = keras_output(model, frame.numpy() / 127.5 - 1)
    assert_close(ours, maps.mean((1, 2)))


class Explicit:
    """Convolutions with batch norm, in float64, straight from a state dict."""

    def __init__(self, module: torch.nn.Module):
        self.values = {k.removeprefix("net."): v.double() for k, v in module.state_dict().items()}

    def conv_bn(self, x, conv, bn, eps, stride=1, padding=0, relu=True):
        value = self.values
        x = F.conv2d(x, value[f"{conv}.weight"], stride=stride, padding=padding)
        scale = value[f"{bn}.weight"] / torch.sqrt(value[f"{bn}.running_var"] + eps)
        shift = value[f"{bn}.bias"] - value[f"{bn}.running_mean"] * scale
        x = x * scale[:, None, None] + shift[:, None, None]
        return x.clamp(min=0) if relu else x


def test_resnet152_agrees_with_its_table():
    module, frame, ours = loaded_and_input("resnet152")
    net = Explicit(module)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((frame.double() / 255 - mean.double()) / std.double()).permute(0, 3, 1, 2)
    x = net.conv_bn(x, "conv1", "bn1", 1e-5, stride=2, padding=3)
    x = F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3, stride=2)  # zeros never win over ReLU's outputs
    for stage, count in enumerate((3, 8, 36, 3), start=1):
        for block in range(count):
            name, stride = f"layer{stage}.{block}", 2 if block == 0 and stage > 1 else 1
            y = net.conv_bn(x, f"{name}.conv1", f"{name}.bn1", 1e-5)
            y = net.conv_bn(y, f"{name}.conv2", f"{name}.bn2", 1e-5, stride=stride, padding=1)
            y = net.conv_bn(y, f"{name}.conv3", f"{name}.bn3", 1e-5, relu=False)
            if block == 0:
                skip = f"{name}.downsample"
                x = net.conv_bn(x, f"{skip}.0", f"{skip}.1", 1e-5, stride=stride, relu=False)
            x = (x + y).clamp(min=0)
    assert_close(ours, x.mean((2, 3)).float().numpy())


def test_googlenet_agrees_with_its_table():
    module, frame, ours = loaded_and_input("googlenet")
    net = Explicit(module)

    def conv(x, name, stride=1, padding=0):
        return net.conv_bn(x, f"{name}.conv", f"{name}.bn", 1e-3, stride, padding)

    def pool(x):
        # The table's 3x3/2 pooling covers the last row and column too, as in Caffe.
        return F.max_pool2d(x, 3, stride=2, ceil_mode=True)

    def inception(x, name):
        pooled = F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3, stride=1)
        return torch.cat(
            [
                conv(x, f"{name}.branch1"),
                conv(conv(x, f"{name}.branch2.0"), f"{name}.branch2.1", padding=1),
                conv(conv(x, f"{name}.branch3.0"), f"{name}.branch3.1", padding=1),
                conv(pooled, f"{name}.branch4.1"),
            ],
            dim=1,
        )

    x = (frame.double() / 127.5 - 1).permute(0, 3, 1, 2)
    x = pool(conv(x, "conv1", stride=2, padding=3))
    x = pool(conv(conv(x, "conv2"), "conv3", padding=1))
    x = pool(inception(inception(x, "inception3a"), "inception3b"))
    for letter in "abcde":
        x = inception(x, f"inception4{letter}")
    x = F.max_pool2d(x, 2, stride=2, ceil_mode=True)
    x = inception(inception(x, "inception5a"), "inception5b")
    assert_close(ours, x.mean((2, 3)).float().numpy())


def test_googlenet_normalisation_is_torchvisions_transform_input():
    from torchvision.models import googlenet

    module, frame, ours = loaded_and_input("googlenet")
    with torch.device("meta"):
        whole = googlenet(weights=None, aux_logits=False, transform_input=True, init_weights=False)
    whole.fc = torch.nn.Identity()
    whole.to_empty(device="cpu").load_state_dict(module.net.state_dict())
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        expected = whole.eval()(((frame / 255 - mean) / std).permute(0, 3, 1, 2))
    assert_close(ours, expected.numpy())
