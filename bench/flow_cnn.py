"""A small CNN on optical flow for the benchmarks: the motion CNN's idea at a size that trains in a minute.

A step is a few displacement fields, averaged; four convolutions see them at 64 x 48 pixels. A backbone is one
module like this one and one line in the table of backbones, which `register` adds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kinema.backbones.module import Backbone
from kinema.backbones.spec import BackboneSpec, InputSpec
from kinema.backbones.table import BACKBONES

CHANNELS = (16, 32, 64, 128)
GAIN = 4.0  # flow of ordinary motion is a few of the 20 pixels it is clipped at

SPEC = BackboneSpec(
    name="flow_cnn",
    input=InputSpec("flow_clip", size=(48, 64), crop="stretch"),
    features={"grid": 512},
    summary="four convolutions on the mean of a few displacement fields",
)


class FlowCnn(Backbone):
    """Flow clips float32 [N, L, H, W, 2] -> float32 [N, 512]."""

    def __init__(self) -> None:
        super().__init__()
        sizes = zip((2, *CHANNELS), CHANNELS, strict=False)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in sizes
        )
        self.pool = nn.AdaptiveAvgPool2d((2, 2))

    def blocks(self) -> list[nn.Module]:
        """The four convolutions."""
        return list(self.layers)

    def forward(self, x: Tensor) -> Tensor:
        """The mean field of each clip, through the convolutions."""
        maps = self.cast(GAIN * x.mean(1).permute(0, 3, 1, 2))
        for layer in self.layers:
            maps = layer(maps)
        return torch.flatten(self.pool(maps), 1).float()


def build(features: str | None = None) -> FlowCnn:
    """The network with random values."""
    SPEC.features_name(features)
    return FlowCnn()


def register() -> None:
    """Add `flow_cnn` to the table of backbones of this process."""
    BACKBONES[SPEC.name] = "flow_cnn"
