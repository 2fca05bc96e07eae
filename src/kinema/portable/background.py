"""The running mean as one product: Kinema's own loop would freeze the number of steps of a trace."""

from functools import partial

import torch
from torch import Tensor, nn

from ..temporal.background import Background


def make_portable(module: nn.Module) -> None:
    """Give every `Background` below `module` a `forward` that can be traced for any number of steps."""
    for part in module.modules():
        if isinstance(part, Background):
            part.forward = partial(differences, part)  # type: ignore[method-assign]


def differences(layer: Background, x: Tensor, before: None = None) -> Tensor:
    """What `Background.forward` gives of sequences [B, T, D] by themselves; memory grows with T squared.

    Step s has the weight q^(max(t, N) - max(s, N)) / min(t, N) in the mean at t, with N = `steps` and
    q = 1 - 1 / N: the first N count alike, and fade together.
    """
    times = torch.ones_like(x[0, :, 0]).cumsum(0)
    late = times.clamp(min=layer.steps)
    ages = (late[:, None] - late[None, :]).clamp(min=0)
    fading = torch.full_like(ages, 1 - 1 / layer.steps) ** ages
    weights = fading / times.clamp(max=layer.steps)[:, None] * (times[None, :] <= times[:, None])
    return x - weights @ x
