"""MobileNetV2's layers under timm's names, so that its published values fit.

timm's own network is the same to the bit, but importing timm takes longer than importing torch: with it come
torchvision and the compiler of torch.
"""

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

# Expansion, channels, blocks and first stride of each stage (Table 2 of the paper).
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
STEM, HEAD = 32, 1280


class MobileNetV2(nn.Module):
    """float [N, 3, H, W] -> [N, 1280]. `same` pads as TensorFlow does, else by one on both sides."""

    def __init__(self, *, same: bool) -> None:
        super().__init__()
        self.conv_stem, self.bn1 = _conv3(3, STEM, 2, same=same), Norm(STEM)
        self.blocks = nn.Sequential(*_stages(same))
        self.conv_head, self.bn2 = _conv1(STAGES[-1][1], HEAD), Norm(HEAD)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.bn1(self.conv_stem(x)))
        return F.adaptive_avg_pool2d(self.bn2(self.conv_head(x)), 1).flatten(1)


class Norm(nn.BatchNorm2d):
    """Batch norm, and ReLU6 behind it."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(super().forward(x), inplace=True)


class SamePadded(nn.Conv2d):
    """TensorFlow's `same`: as much zero padding as the stride needs, the odd line at the end."""

    def forward(self, x: Tensor) -> Tensor:
        sides = zip(reversed(x.shape[2:]), reversed(self.kernel_size), reversed(self.stride), strict=True)
        return super().forward(F.pad(x, [lines for side in sides for lines in _padding(*side)]))


class Separable(nn.Module):
    """The first block, whose expansion is 1: a depthwise layer, then a linear one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_dw, self.bn1 = _conv3(inputs, inputs, 1, groups=inputs), Norm(inputs)
        self.conv_pw, self.bn2 = _conv1(inputs, outputs), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv_dw(x))
        return self.bn2(self.conv_pw(x))


class Bottleneck(nn.Module):
    """Inverted residual: wider by `expansion`, depthwise, linear; the input is added where shapes agree."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, *, same: bool) -> None:
        super().__init__()
        wide = inputs * expansion
        self.added = stride == 1 and inputs == outputs
        self.conv_pw, self.bn1 = _conv1(inputs, wide), Norm(wide)
        self.conv_dw, self.bn2 = _conv3(wide, wide, stride, groups=wide, same=same), Norm(wide)
        self.conv_pwl, self.bn3 = _conv1(wide, outputs), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv_pw(x))
        y = self.bn2(self.conv_dw(y))
        y = self.bn3(self.conv_pwl(y))
        return y + x if self.added else y


def _stages(same: bool) -> Iterator[nn.Sequential]:
    inputs = STEM
    for expansion, channels, blocks, first in STAGES:
        stage: list[nn.Module] = []
        for stride in (first, *[1] * (blocks - 1)):
            if expansion == 1:
                stage.append(Separable(inputs, channels))
            else:
                stage.append(Bottleneck(inputs, channels, expansion, stride, same=same))
            inputs = channels
        yield nn.Sequential(*stage)


def _conv1(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1, bias=False)


def _conv3(inputs: int, outputs: int, stride: int, *, groups: int = 1, same: bool = False) -> nn.Conv2d:
    # With stride 1 the two paddings are one.
    if same and stride > 1:
        return SamePadded(inputs, outputs, 3, stride, groups=groups, bias=False)
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, groups=groups, bias=False)


def _padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and behind one side."""
    lines = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return lines // 2, lines - lines // 2
