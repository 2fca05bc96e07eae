"""FlowNet 2.0 (Ilg et al. 2017, arXiv:1612.01925) through ptlflow, an extra because of its pins."""

from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UsageError


def build(name: str) -> nn.Module:
    """FlowNet 2.0 with random values. Raises `UsageError` where ptlflow is not installed."""
    try:
        import ptlflow
    except ImportError:
        raise UsageError(
            f"method {name} needs ptlflow, which is not installed; run: pip install 'kinema[flownet2]'"
        ) from None
    net: nn.Module = ptlflow.get_model(name)
    return net


def pair_fields(net: Any, first: Tensor, second: Tensor) -> Tensor:
    """RGB [N, 3, H, W] in 0..255, twice -> fields [N, 2, H, W]."""
    # ptlflow takes pairs [N, 2, 3, H, W] in 0..1, blue first, and resizes them to multiples of 64.
    images = torch.stack([first, second], dim=1).flip(2) / 255
    fields: Tensor = net({"images": images})["flows"]
    return fields[:, 0]
