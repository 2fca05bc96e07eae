"""YAMNet as a torch module."""

import re
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .module import Backbone

# Stride and output channels of each block, after a stem of stride 2 with 32 channels.
STEM_CHANNELS = 32
BLOCKS = (
    *((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512)),
    *((1, 512), (1, 512), (1, 512), (1, 512), (1, 512), (2, 1024), (1, 1024)),
)
FEATURES, CLASSES = 1024, 521


class Yamnet(Backbone):
    """Log-mel examples float32 [N, 96, 64] -> features float32 [N, 1024], from 0 to 6."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({"conv": nn.Conv2d(1, STEM_CHANNELS, 3, stride=2)})
        widths = pairwise([STEM_CHANNELS, *(width for _, width in BLOCKS)])
        strides = (stride for stride, _ in BLOCKS)
        self.body = nn.ModuleList(_Separable(a, b, s) for (a, b), s in zip(widths, strides, strict=True))
        self.classifier = _FixedLinear(FEATURES, CLASSES)

    def blocks(self) -> list[nn.Module]:
        """The stem and the 13 separable blocks; the AudioSet classifier is fixed and no block."""
        return [self.stem, *self.body]

    def converted(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The file's names as ours: `blocks.N` is `body.N` here."""
        return {re.sub(r"^blocks\.", "body.", key): value for key, value in state.items()}

    def forward(self, x: Tensor) -> Tensor:
        maps = F.relu6(self.stem["conv"](_pad_even(self.cast(x).unsqueeze(1))))
        for block in self.body:
            maps = block(maps)
        return maps.mean(dim=(2, 3)).float()

    def scores(self, x: Tensor) -> Tensor:
        """How likely each AudioSet class sounds in each example, each by itself: float32 [N, 521].

        The order is that of the `yamnet_class_map.csv` published with the weights.
        """
        return torch.sigmoid(self.classifier(self.cast(self.forward(x)))).float()


class _Separable(nn.Module):
    """A depthwise 3x3 convolution, then a pointwise one, each with ReLU6."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        padding = 1 if stride == 1 else 0
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, padding, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        padded = x if self.depthwise.stride == (1, 1) else _pad_even(x)
        return F.relu6(self.pointwise(F.relu6(self.depthwise(padded))))


class _FixedLinear(nn.Module):
    """A linear layer whose values are loaded and never trained."""

    weight: Tensor
    bias: Tensor

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.register_buffer("weight", torch.zeros(outputs, inputs))
        self.register_buffer("bias", torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


def _pad_even(x: Tensor) -> Tensor:
    """TensorFlow's `same` for a 3x3 convolution of stride 2 on even sizes: nothing before, one row after."""
    return F.pad(x, (0, 1, 0, 1))
