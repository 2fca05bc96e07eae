"""The small motion network that `motion_pretraining.py` trains: five grey frames -> cells, flow and features.

A quarter of a million parameters, and it is fully convolutional: trained on 64 x 64, it takes any size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LENGTH = 5
CHANNELS = 96
CELL = 8  # pixels of a cell's side
# What moves less than this, in pixels a frame, is near rest; as in `mobilenet_v2_motion`.
SLOW = 0.1
SCALES = (1, 2, 4)
FAINT = 1e-3  # added to the gradients' energy, which is about 0.01 to 1 where there is structure
FEATURES = {"odd": CHANNELS, "carried": 2 * CHANNELS, "grid": 32, "all": 3 * CHANNELS + 32}


class MotionNet(nn.Module):
    """Windows float32 [N, 5, H, W] (grey, any scale) -> cells [N, 96, H / 8, W / 8].

    Two convolutions see the frames; beside them stands what `gradients` computes, from which flow is near.
    """

    def __init__(self) -> None:
        super().__init__()
        self.frames = nn.Sequential(*_layer(LENGTH, 32, kernel=5, stride=2), *_layer(32, 64, stride=2))
        self.trunk = nn.Sequential(
            *_layer(64 + 5 * len(SCALES), CHANNELS),
            *_layer(CHANNELS, CHANNELS, stride=2),
            *_layer(CHANNELS, CHANNELS),
        )
        self.flow = nn.Conv2d(CHANNELS, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """A window's brightness and contrast are taken out first."""
        x = x - x.mean((1, 2, 3), keepdim=True)
        x = x / x.std((1, 2, 3), keepdim=True).clamp_min(1e-3)
        cells: Tensor = self.trunk(torch.cat([self.frames(x), *(gradients(x, s) for s in SCALES)], 1))
        return cells

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """What a window and itself played backwards differ in, by `FEATURES`: float32 [N, 96], 192, 32, 320.

        `odd` is the difference of the two's mean cells; `carried` the mean of their common cells times the
        flow, `grid` the flow on 4 x 4 places, both over its mean length; `all` are the three side by side.
        All change sign where the window is turned round.
        """
        there, back = self(x), self(x.flip(1))
        odd = (there - back).mean((2, 3))
        flow = (self.flow(there) - self.flow(back)) / 2
        flow = flow / (flow.norm(dim=1, keepdim=True).mean((2, 3), keepdim=True) + SLOW)
        common = (there + back) / 2
        carried = torch.einsum("nchw,nfhw->nfc", common, flow).flatten(1) / common[0, 0].numel()
        grid = F.adaptive_avg_pool2d(flow, 4).flatten(1)
        return {"odd": odd, "carried": carried, "grid": grid, "all": torch.cat([odd, carried, grid], 1)}


def gradients(x: Tensor, scale: int) -> Tensor:
    """What Lucas and Kanade (1981) solve for flow, of frames at 1/`scale`: [N, 5, H / 4, W / 4].

    Sums of d_t d_x, d_t d_y, d_x^2 - d_y^2 and d_x d_y over that of d_x^2 + d_y^2, and its logarithm.
    """
    x = F.avg_pool2d(x, scale) if scale > 1 else x
    middle = F.pad((x[:, 1:] + x[:, :-1]) / 2, (1, 1, 1, 1), mode="replicate")
    dx = (middle[:, :, 1:-1, 2:] - middle[:, :, 1:-1, :-2]) / 2
    dy = (middle[:, :, 2:, 1:-1] - middle[:, :, :-2, 1:-1]) / 2
    dt = x[:, 1:] - x[:, :-1]
    sums = [a.sum(1) for a in (dt * dx, dt * dy, dx * dx - dy * dy, dx * dy, dx * dx + dy * dy)]
    pooled = F.avg_pool2d(F.avg_pool2d(torch.stack(sums, 1), 4 // scale), 3, 1, 1)
    energy = pooled[:, 4:] + FAINT
    # Displacement in pixels of the picture, not of the scale.
    return torch.cat([pooled[:, :2] * scale / energy, pooled[:, 2:4] / energy, energy.log() / 4], 1)


def _layer(inside: int, outside: int, *, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(outside), nn.ReLU()]


def random_net(seed: int) -> MotionNet:
    """The network with seeded random values, in evaluation mode."""
    torch.manual_seed(seed)
    return MotionNet().eval()
