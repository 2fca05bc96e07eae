"""Seeded random values for models of libraries: convolutions, transformers, and what is made of both.

Layers are drawn so that each keeps its signal's variance, and each batch norm takes its statistics from one
fixed synthetic batch. The layers of transformers are not rescaled as those of the papers' networks are: layer
norm holds their scale, and tokens that are the same for every input would have no variance to go by.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from ..module import Backbone
from ..random_init import synthetic_batch
from ..spec import InputSpec

_VERSION = "library random 1"
_SMALL = 0.02  # of positions and tokens, as transformers are initialised
_RESIDUAL = 0.2  # of the last batch norm of a block that its library starts at zero


def initialise(module: Backbone, spec: InputSpec, seed: int = 0) -> str:
    """Fill `module` with seeded values; returns their digest, the same on every machine."""
    digest = hashlib.sha256(_VERSION.encode())
    random = np.random.default_rng(seed)
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    gain = 2.0 if norms else 1.0
    with torch.no_grad():
        for name, parameter, layer in _drawn(module):
            values = _values(random, parameter.shape, gain, layer)
            digest.update(name.encode() + values.tobytes())
            parameter.copy_(torch.from_numpy(values))
        for norm in norms:
            if norm.weight is not None and not norm.weight.any():
                norm.weight.fill_(_RESIDUAL)
    if norms:
        _take_statistics(module, norms, synthetic_batch(spec, seed))
    return digest.hexdigest()


def _drawn(module: nn.Module) -> Iterator[tuple[str, Tensor, bool]]:
    """Parameters that are random in their library too: (name, parameter, whether it is a layer's weight).

    Biases of layers become zero; constants (scales and shifts of norms, empty tokens) stay what they are.
    """
    for prefix, part in module.named_modules():
        layer = isinstance(part, _ConvNd | nn.Linear)
        for own, parameter in part.named_parameters(prefix=prefix, recurse=False):
            if layer and own.endswith("bias"):
                parameter.zero_()
            elif layer or not _constant(parameter):
                yield own, parameter, layer or own.endswith("in_proj_weight")


def _constant(parameter: Tensor) -> bool:
    return parameter.numel() < 2 or bool((parameter == parameter.reshape(-1)[0]).all())


def _values(random: np.random.Generator, shape: torch.Size, gain: float, layer: bool) -> np.ndarray:
    """Uniform values, the same bits on every machine: of variance gain / fan_in for a layer's weight."""
    bound = math.sqrt(3 * gain / math.prod(shape[1:])) if layer else math.sqrt(3) * _SMALL
    return (random.random(tuple(shape), dtype=np.float32) * np.float32(2) - np.float32(1)) * np.float32(bound)


def _take_statistics(module: Backbone, norms: list[_BatchNorm], batch: Tensor) -> None:
    module.eval()
    hooks = [norm.register_forward_pre_hook(_statistics) for norm in norms]
    try:
        with torch.no_grad():
            module(batch)
    finally:
        for hook in hooks:
            hook.remove()


def _statistics(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    x = inputs[0].double()  # in double precision, for the reason given in random_init
    variance, mean = torch.var_mean(x, dim=[d for d in range(x.ndim) if d != 1], correction=0)
    norm.running_mean.copy_(mean)  # type: ignore[operator, union-attr]
    norm.running_var.copy_(variance.clamp_min(1e-8))  # type: ignore[operator, union-attr]
