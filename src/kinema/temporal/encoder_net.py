"""The trained encoder of the corehar paper: fully connected layers applied to every step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class EncoderNet(nn.Module):
    """Linear + ReLU + dropout for every size in `widths`; [..., D] -> [..., widths[-1]].

    The corehar paper (Table 3) has 1024, 768 and a 512-d frame feature on ResNet152's 2048.
    """

    def __init__(self, input_size: int, widths: Sequence[int], dropout: float = 0.0):
        super().__init__()
        self.output_size = widths[-1]
        self.layers = nn.Sequential()
        for size, width in pairwise((input_size, *widths)):
            self.layers.extend([nn.Linear(size, width), nn.ReLU(), nn.Dropout(dropout)])

    def forward(self, x: Tensor) -> Tensor:
        """Encode every step by itself."""
        return self.layers(x)
