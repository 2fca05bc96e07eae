"""The layers of the small CNNs; see `small_cnn` and `small_flow_cnn`."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .module import Backbone, check_stack

CHANNELS = (16, 32, 64, 128)
GRID = (2, 2)
# Bring colours, and the energy of ordinary motion, to a spread of about one.
COLOUR_GAIN, ENERGY_GAIN = 3.0, 6.0
# Back to pixels, where flow was clipped at 20.
FLOW_GAIN = 20.0


class SmallCnn(Backbone):
    """Clips uint8 [N, L, H, W, 3], L >= 1 -> float32 [N, 512]: the last map averaged to a 2 x 2 grid."""

    def __init__(self, channels: int = 5) -> None:
        super().__init__()
        sizes = zip((channels, *CHANNELS), CHANNELS, strict=False)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in sizes
        )
        self.pool = nn.AdaptiveAvgPool2d(GRID)

    def blocks(self) -> list[nn.Module]:
        """The four convolutions."""
        return list(self.layers)

    def forward(self, x: Tensor) -> Tensor:
        """Features of what `seen` gives."""
        maps = self.cast(self.seen(x)).contiguous(memory_format=torch.channels_last)
        for layer in self.layers:
            maps = layer(maps)
        return self.pool(maps).flatten(1).float()

    def seen(self, x: Tensor) -> Tensor:
        """Colours and motion energy; in training with `jittered` values."""
        maps = colour_and_motion(x)
        return jittered(maps) if self.training else maps


class SmallFlowCnn(SmallCnn):
    """Flow stacks float32 [N, H, W, 2L] in [-1, 1] -> float32 [N, 512]. Raises `UsageError` for another L."""

    def __init__(self, stack: int) -> None:
        super().__init__(2 * stack)
        self.stack = stack

    def seen(self, x: Tensor) -> Tensor:
        """Every field less its mean, in pixels; in training scaled by 0.6 to 1.4."""
        check_stack(x, self.stack)
        maps = FLOW_GAIN * (x - x.mean((1, 2), keepdim=True)).permute(0, 3, 1, 2)
        return maps * maps.new_empty(()).uniform_(0.6, 1.4) if self.training else maps


def jittered(maps: Tensor) -> Tensor:
    """Maps [N, 5, H, W] in other colours: channels exchanged, inverted or not, all maps stronger or weaker.

    One choice for all N, another one for the next batch: what someone wears is no property of an action.
    """
    order = torch.cat([torch.randperm(3), torch.tensor([3, 4])])
    sign = 1.0 if torch.rand(()) < 0.5 else -1.0
    gain = torch.empty(5).uniform_(0.6, 1.4) * torch.tensor([sign, sign, sign, 1.0, 1.0])
    return maps[:, order.to(maps.device)] * gain.to(maps).view(5, 1, 1)


def colour_and_motion(x: Tensor) -> Tensor:
    """Clips uint8 [N, L, H, W, 3] -> float32 [N, 5, H, W].

    Three channels: the middle frame's colours, centred. One: the motion energy |f1 - f0| + |f2 - f1| of the
    frames' mean grey. One: the same between the first and the last frame, as far as it is more than a shift
    by one pixel explains, so that a shaking camera leaves it dark.
    """
    middle = x[:, x.shape[1] // 2].permute(0, 3, 1, 2).float() * (COLOUR_GAIN / 255)
    middle = middle - middle.mean((2, 3), keepdim=True)
    grey = x.sum(4, dtype=torch.int16).float() * (ENERGY_GAIN / (3 * 255))
    energy = (grey[:, 1:] - grey[:, :-1]).abs().sum(1, keepdim=True)
    first, last = grey[:, :1], grey[:, -1:]
    return torch.cat([middle, energy, _beyond(first, last) + _beyond(last, first)], dim=1)


def _beyond(a: Tensor, b: Tensor) -> Tensor:
    """How far each value of `a` lies outside the range of `b` in the 3 x 3 pixels around it."""
    highest, lowest = F.max_pool2d(b, 3, 1, 1), -F.max_pool2d(-b, 3, 1, 1)
    return F.relu(a - highest) + F.relu(lowest - a)
