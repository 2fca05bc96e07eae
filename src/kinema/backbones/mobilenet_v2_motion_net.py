"""Frames with their flow, float32 [N, H, W, 5] -> a network's inner features carried by the flow."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .image import ImageBackbone
from .module import Backbone, normalised

# Pixels: what moves less than this between a clip's ends is near rest.
SLOW = 0.1


class CarriedFeatures(Backbone):
    """Means of A_c u and A_c v over the picture, see `mobilenet_v2_motion`: all u of a stage, then all v."""

    def __init__(self, image: ImageBackbone, stages: Sequence[int]) -> None:
        super().__init__()
        net: Any = image.net
        self.mean, self.std, self.read = image.mean, image.std, tuple(stages)
        # The names are those of timm's network, so that its published values fit.
        self.net: Any = nn.Module()
        self.net.conv_stem, self.net.bn1 = net.conv_stem, net.bn1
        self.net.blocks = nn.Sequential(*net.blocks[: max(stages) + 1])

    def blocks(self) -> list[nn.Module]:
        """The stem, then the bottlenecks."""
        net = self.net
        return [nn.Sequential(net.conv_stem, net.bn1), *(block for stage in net.blocks for block in stage)]

    def converted(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """timm's names, with `net.` in front."""
        return {f"net.{key}": value for key, value in state.items()}

    def forward(self, x: Tensor) -> Tensor:
        """Float32 [N, H, W, 5]: R, G, B in [0, 255] and flow in pixels -> float32 [N, D]."""
        flow = x[..., 3:].permute(0, 3, 1, 2)
        flow = flow / (flow.norm(dim=1, keepdim=True).mean((2, 3), keepdim=True) + SLOW)
        net = self.net
        y = self.cast(normalised(x[..., :3], self.mean, self.std)).permute(0, 3, 1, 2)
        y = net.bn1(net.conv_stem(y))
        found = []
        for number, stage in enumerate(net.blocks):
            y = stage(y)
            if number in self.read:
                found.append(_carried(y.float(), flow))
        return torch.cat(found, dim=1)


def _carried(features: Tensor, flow: Tensor) -> Tensor:
    """[N, C, h, w] and [N, 2, H, W] -> [N, 2 C]."""
    height, width = features.shape[2:]
    cells = F.adaptive_avg_pool2d(flow, (height, width)).flatten(2)
    return (cells @ features.flatten(2).transpose(1, 2)).flatten(1) / (height * width)
