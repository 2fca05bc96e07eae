"""Clips uint8 [N, L, H, W, 3] -> how a network's inner stages differ when the clip is played backwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .image import ImageBackbone
from .module import Backbone, normalised

# ITU-R BT.601's luma, as in OpenCV.
LUMA = (0.299, 0.587, 0.114)


class MotionPicture(Backbone):
    """f(first, middle, last) - f(last, middle, first), see `mobilenet_v2_motion`; every channel by itself."""

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
        """Clips uint8 [N, L, H, W, 3], RGB, of one frame or more -> float32 [N, D]."""
        last = x.shape[1] - 1
        frames = x[:, [0, last // 2, last]].to(torch.float32)
        grey = frames @ torch.tensor(LUMA, device=x.device)
        pictures = torch.cat([grey, grey.flip(1)]).permute(0, 2, 3, 1)
        ahead, back = self._stages(pictures.contiguous()).chunk(2)
        return (ahead - back).float()

    def _stages(self, pictures: Tensor) -> Tensor:
        """[N, H, W, 3] in [0, 255] -> the channel means of the stages that are read, side by side."""
        net = self.net
        x = net.bn1(net.conv_stem(self.cast(normalised(pictures, self.mean, self.std)).permute(0, 3, 1, 2)))
        found = []
        for number, stage in enumerate(net.blocks):
            x = stage(x)
            if number in self.read:
                found.append(x.mean((2, 3)))
        return torch.cat(found, dim=1)
