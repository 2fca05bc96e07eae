"""Seeded random values that make useful features: every layer keeps its signal's mean and variance.

A deep random network in evaluation mode explodes or collapses unless something holds its scale. So the
network sees one fixed synthetic batch: each batch norm takes its running statistics from it, and each
layer with a bias is rescaled so that every channel has mean 0 and variance 1 there (layer-sequential
unit variance: Mishkin & Matas 2016, arXiv:1511.06422). What comes out is a fixed random projection.
"""

import hashlib
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from .module import Backbone
from .spec import InputSpec

_VERSION = "random 4"
_BATCH = {"frame": 8, "clip": 2, "frame_flow": 8, "flow_clip": 2, "flow_stack": 4, "logmel": 16}
_CLIP_LENGTH = 8
_FASTEST = 0.15  # of the clipping bound, which is 20 pixels for I3D


def initialise(module: Backbone, spec: InputSpec, seed: int = 0) -> str:
    """Fill `module` with seeded values, calibrated; returns their digest.

    The digest is taken before calibration, whose last digits may differ from machine to machine.
    """
    digest = hashlib.sha256(_VERSION.encode())
    random = np.random.default_rng(seed)
    hooks = []
    for name, part in module.named_modules():
        if isinstance(part, _ConvNd | nn.Linear):
            values = _kaiming_uniform(random, part.weight.shape)
            digest.update(name.encode() + values.tobytes())
            with torch.no_grad():
                part.weight.copy_(torch.from_numpy(values))
                if part.bias is not None:
                    part.bias.zero_()
                    hooks.append(part.register_forward_hook(_unit_variance))
        elif isinstance(part, _BatchNorm):
            hooks.append(part.register_forward_pre_hook(_take_statistics))
    module.eval()
    with torch.no_grad():
        module(synthetic_batch(spec, seed))
    for hook in hooks:
        hook.remove()
    return digest.hexdigest()


def synthetic_batch(spec: InputSpec, seed: int = 0) -> Tensor:
    """A seeded batch of inputs like the real ones: smooth noise over all scales, drifting in time."""
    count, length = _BATCH[spec.kind], spec.length or _CLIP_LENGTH
    random = np.random.default_rng((seed, 1))
    if spec.kind == "logmel":
        noise = _smooth_noise(random, (count, 1, 96, 64))[:, 0]
        return (noise * (math.log(20.0) - math.log(0.01)) + math.log(0.01)).float()
    height, width = spec.size or (224, 224)
    if spec.kind == "frame_flow":
        picture = (_smooth_noise(random, (count, 3, height, width)) * 255).round()
        field = _smooth_field(random, (count, 2, height, width)) * _FASTEST * 20
        return torch.cat([picture, field], dim=1).permute(0, 2, 3, 1).float().contiguous()
    if spec.kind in ("frame", "clip"):
        still = (_smooth_noise(random, (count, 3, height, width)) * 255).round().to(torch.uint8)
    else:
        still = (_smooth_field(random, (count, 2, height, width)) * _FASTEST).float()
    still = still.permute(0, 2, 3, 1).contiguous()
    if spec.kind == "frame":
        return still
    drifting = [torch.roll(still, 2 * t, dims=2) for t in range(length)]
    return torch.cat(drifting, dim=-1) if spec.kind == "flow_stack" else torch.stack(drifting, dim=1)


def _kaiming_uniform(random: np.random.Generator, shape: torch.Size) -> np.ndarray:
    """Uniform values of variance 2 / fan_in, the same to the bit on every machine."""
    bound = np.float32(math.sqrt(6.0 / math.prod(shape[1:])))
    return (random.random(tuple(shape), dtype=np.float32) * np.float32(2) - np.float32(1)) * bound


def _take_statistics(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Batch norm's own sums are too coarse: deep random networks magnify what threads round differently."""
    x = inputs[0].double()
    variance, mean = torch.var_mean(x, dim=[d for d in range(x.ndim) if d != 1])
    norm.running_mean.copy_(mean)  # type: ignore[operator, union-attr]
    norm.running_var.copy_(variance)  # type: ignore[operator, union-attr]


def _unit_variance(layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    others = [d for d in range(output.ndim) if d != 1]
    std, mean = torch.std_mean(output, dim=others, keepdim=True)
    std = std.clamp_min(1e-3 * float(std.mean()) + 1e-12)
    scale = std.reshape(-1)
    layer.weight.div_(scale.reshape(-1, *[1] * (layer.weight.ndim - 1)))  # type: ignore[operator, union-attr]
    layer.bias.sub_(mean.reshape(-1)).div_(scale)  # type: ignore[operator, union-attr]
    return (output - mean) / std


def _smooth_field(random: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
    """Real fields are mostly near rest with a few fast regions: centred, heavy-tailed."""
    return (2 * _smooth_noise(random, shape) - 1) ** 3


def _smooth_noise(random: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
    """Noise in [0, 1], [N, C, H, W], with about the 1/f spectrum of natural images.

    Made in double precision: what is rounded to 8 bits later must not depend on the number of threads.
    """
    count, channels, height, width = shape
    noise = torch.zeros(shape, dtype=torch.float64)
    for cells in (2, 4, 8, 16, 32, 64):
        grid = torch.from_numpy(random.random((count, channels, cells, cells), dtype=np.float32)).double()
        fine = F.interpolate(grid, size=(height, width), mode="bilinear", align_corners=False)
        noise += fine / math.sqrt(cells)
    low, high = noise.amin(dim=(2, 3), keepdim=True), noise.amax(dim=(2, 3), keepdim=True)
    return (noise - low) / (high - low).clamp_min(1e-6)
