"""The layers of the small CNN; see `small_cnn`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .module import Backbone

CHANNELS = (16, 32, 64, 128)
GRID = (2, 2)
# Rec. 601 luma, as video itself has it.
LUMA = (0.299, 0.587, 0.114)
# Bring luma, and the energy of ordinary motion, to a spread of about one.
LUMA_GAIN, ENERGY_GAIN = 3.0, 6.0


class SmallCnn(Backbone):
    """Clips uint8 [N, L, H, W, 3], L >= 1 -> float32 [N, 512]: the last map averaged to a 2 x 2 grid."""

    def __init__(self) -> None:
        super().__init__()
        sizes = zip((2, *CHANNELS), CHANNELS, strict=False)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in sizes
        )
        self.pool = nn.AdaptiveAvgPool2d(GRID)

    def blocks(self) -> list[nn.Module]:
        """The four convolutions."""
        return list(self.layers)

    def forward(self, x: Tensor) -> Tensor:
        """Luma and motion energy of each clip, through the convolutions."""
        maps = self.cast(luma_and_energy(x))
        if self.training:
            maps = jittered(maps)
        for layer in self.layers:
            maps = layer(maps)
        return self.pool(maps).flatten(1).float()


def jittered(maps: Tensor) -> Tensor:
    """Maps [N, C, H, W] mirrored or not, and moved by up to a tenth of their size.

    One choice for all N: the steps of a video stay aligned, and another choice comes with the next batch.
    """
    down, right = (int(torch.randint(-side // 10, side // 10 + 1, ())) for side in maps.shape[2:])
    if torch.rand(()) < 0.5:
        maps = maps.flip(3)
    return maps.roll((down, right), (2, 3))


def luma_and_energy(x: Tensor) -> Tensor:
    """Clips uint8 [N, L, H, W, 3] -> float32 [N, 2, H, W]: centred middle luma, motion energy."""
    luma = (x.float() / 255) @ torch.tensor(LUMA, device=x.device)
    energy = luma.diff(dim=1).abs().sum(1) * ENERGY_GAIN
    middle = luma[:, luma.shape[1] // 2] * LUMA_GAIN
    return torch.stack([middle - middle.mean((1, 2), keepdim=True), energy], dim=1)
