"""The trained encoder of the corehar paper: fully connected layers applied to every step."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ..recipe import Encoder as EncoderSpec


class Encoder(nn.Module):
    """Linear + ReLU + dropout for every size in `spec.layers`; [..., D] -> [..., spec.layers[-1]].

    The corehar paper (Table 3) has 1024, 768 and a 512-d frame feature on ResNet152's 2048.
    """

    def __init__(self, spec: EncoderSpec, input_size: int):
        super().__init__()
        self.output_size = spec.layers[-1]
        sizes = (input_size, *spec.layers)
        self.layers = nn.Sequential()
        for size, width in pairwise(sizes):
            self.layers.extend([nn.Linear(size, width), nn.ReLU(), nn.Dropout(spec.dropout)])

    def forward(self, x: Tensor) -> Tensor:
        """Encode every step by itself."""
        return self.layers(x)
