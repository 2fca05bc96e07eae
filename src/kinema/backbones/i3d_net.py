"""Inception-v1 I3D (Carreira and Zisserman 2017, arXiv:1705.07750): clips -> 1024-d features.

Module names are those of the PyTorch port whose checkpoints are in use, `rgb_imagenet.pt` and
`flow_imagenet.pt`. Padding is TensorFlow's SAME, computed from the size of each input, as these need it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .module import Backbone

# Mixed block: width of b0; of b1a, b1b; of b2a, b2b; of b3b. `None` stands for a pooling between stages.
MIXED: dict[str, tuple[int, int, int, int, int, int]] = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
# Pooling before the named block: kernel and stride as (time, height, width).
POOLS = {
    "Conv3d_2b_1x1": ((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}
_INFLATE = {
    "Conv3d_1a_7x7": "conv1", "Conv3d_2b_1x1": "conv2", "Conv3d_2c_3x3": "conv3",
    **{f"Mixed_{stage}{'bcdef'[i]}": f"inception{stage}{'abcde'[i]}" for stage, n in ((3, 2), (4, 5), (5, 2))
       for i in range(n)},
}  # fmt: skip
_BRANCHES = {
    "b0": "branch1", "b1a": "branch2.0", "b1b": "branch2.1", "b2a": "branch3.0", "b2b": "branch3.1",
    "b3b": "branch4.1",
}  # fmt: skip


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME along one axis: zeros before and after, so that ceil(size / stride) come out."""
    # A trace sees sizes as tensors, and OpenVINO takes padding that is constant alone.
    total = max(kernel - (int(size) % stride or stride), 0)
    return total // 2, total - total // 2


def max_pool(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    """Max pooling with SAME padding, [N, C, T, H, W]; pads with minus infinity and without copying."""
    pads = [same_padding(s, k, st) for s, k, st in zip(x.shape[2:], kernel, stride, strict=True)]
    # SAME puts at most one more behind than in front, and that is what `ceil_mode` adds.
    return F.max_pool3d(x, kernel, stride, padding=[front for front, _ in pads], ceil_mode=True)


class Unit3D(nn.Module):
    """Convolution with SAME padding, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, T, H, W] -> [N, C', T', H', W']."""
        kernel, stride = self.conv3d.kernel_size, self.conv3d.stride
        pads = [same_padding(s, k, st) for s, k, st in zip(x.shape[2:], kernel, stride, strict=True)]
        if all(front == back for front, back in pads):
            x = F.conv3d(x, self.conv3d.weight, None, stride, [front for front, _ in pads])
        else:
            x = self.conv3d(F.pad(x, [side for pair in reversed(pads) for side in pair]))
        return F.relu_(self.bn(x))


class Mixed(nn.Module):
    """An Inception block: 1x1x1; 1x1x1, 3x3x3; 1x1x1, 3x3x3; pooling, 1x1x1; side by side."""

    def __init__(self, inputs: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = widths
        self.b0 = Unit3D(inputs, b0)
        self.b1a, self.b1b = Unit3D(inputs, b1a), Unit3D(b1a, b1b, 3)
        self.b2a, self.b2b = Unit3D(inputs, b2a), Unit3D(b2a, b2b, 3)
        self.b3b = Unit3D(inputs, b3b)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, T, H, W] -> the same with b0 + b1b + b2b + b3b channels."""
        pooled = max_pool(x, (3, 3, 3), (1, 1, 1))
        return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], dim=1)


class I3D(Backbone):
    """Clips of any number of frames from 1 up -> features float32 [N, 1024].

    RGB: uint8 [N, L, H, W, 3], scaled to [-1, 1]. Flow: float32 [N, L, H, W, 2] in [-1, 1].
    `features="pool"`: the mean of the last feature map over all its ceil(L / 8) x ceil(H / 32) x ceil(W / 32)
    positions. `features="overlap"`: as in the published network, the mean over pairs of neighbouring
    time steps first, (2, H, W) with stride 1, then over the pairs; the first and last step then count half
    of the others. Both are the same up to 16 frames, and a map of one time step is its own mean.
    """

    def __init__(self, channels: int, features: str | None = "pool") -> None:
        super().__init__()
        self.features = features
        self.Conv3d_1a_7x7 = Unit3D(channels, 64, 7, 2)
        self.Conv3d_2b_1x1 = Unit3D(64, 64)
        self.Conv3d_2c_3x3 = Unit3D(64, 192, 3)
        width = 192
        for name, widths in MIXED.items():
            setattr(self, name, Mixed(width, widths))
            width = widths[0] + widths[2] + widths[4] + widths[5]
        self.to(memory_format=torch.channels_last_3d)

    def blocks(self) -> list[nn.Module]:
        """The three convolutions and the nine Inception blocks."""
        return list(self.children())

    def converted(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The port's names are ours; torchvision's 2-D GoogLeNet is inflated."""
        if "inception3a.branch1.conv.weight" not in state:
            return state
        return inflate(state, self.Conv3d_1a_7x7.conv3d.in_channels)

    def feature_map(self, x: Tensor) -> Tensor:
        """Scaled clips [N, C, L, H, W] -> the last map [N, 1024, ceil(L / 8), ceil(H / 32), ceil(W / 32)]."""
        for name, block in self.named_children():
            if name in POOLS:
                x = max_pool(x, *POOLS[name])
            x = block(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Clips [N, L, H, W, C] -> features float32 [N, 1024]."""
        scaled = x.to(torch.float32) * (2 / 255) - 1 if x.dtype == torch.uint8 else x
        # A clip with its channels last is a view that torch already sees as channels_last_3d.
        mapped = self.feature_map(self.cast(scaled).permute(0, 4, 1, 2, 3)).float()
        steps = mapped.mean(dim=(3, 4))
        if self.features == "overlap" and steps.shape[2] > 1:
            steps = (steps[..., 1:] + steps[..., :-1]) / 2
        return steps.mean(dim=2)


def inflate(state: dict[str, Tensor], channels: int = 3) -> dict[str, Tensor]:
    """A 2-D Inception-v1's values (torchvision's `googlenet`) as I3D's: every filter is repeated along time
    and divided by its length, so that a clip of one repeated frame gives what the frame gave.

    torchvision's network has a 3x3 convolution where the first Inception has 5x5; so has I3D, and all
    shapes meet. With other than 3 `channels` the first filters are averaged over colour and repeated,
    scaled by 3 / channels. The classifiers are left out.
    """
    out: dict[str, Tensor] = {}
    for ours, theirs in _INFLATE.items():
        parts = {"": ""} if ours.startswith("Conv3d") else {f".{b}": f".{t}" for b, t in _BRANCHES.items()}
        for branch, part in parts.items():
            weight = state[f"{theirs}{part}.conv.weight"]
            if ours == "Conv3d_1a_7x7" and channels != 3:
                weight = weight.mean(1, keepdim=True).repeat(1, channels, 1, 1) * (3 / channels)
            length = weight.shape[-1]
            out[f"{ours}{branch}.conv3d.weight"] = weight.unsqueeze(2).repeat(1, 1, length, 1, 1) / length
            for name in ("weight", "bias", "running_mean", "running_var"):
                out[f"{ours}{branch}.bn.{name}"] = state[f"{theirs}{part}.bn.{name}"]
    return out
