"""Averages of the streams' embeddings, taken over the streams that a sample has.

A sample with one stream is that stream's embedding.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn


class WeightedAverageNet(nn.Module):
    """alpha * A + (1 - alpha) * B, equation (1) of the i3d-gru paper.

    A learned alpha is one free scalar that starts at 0.5: it is not squeezed into [0, 1]. A sample with one
    of the two streams gets that stream alone, whatever alpha is, and teaches alpha nothing.
    """

    def __init__(self, size: int, alpha: Literal["learned"] | float = "learned"):
        super().__init__()
        self.output_size = size
        start = torch.tensor(0.5 if alpha == "learned" else float(alpha))
        if alpha == "learned":
            self.alpha = nn.Parameter(start)
        else:
            self.register_buffer("alpha", start)

    def forward(self, embeddings: Sequence[Tensor], present: Tensor | None = None) -> Tensor:
        """Two embeddings [B, E] -> [B, E]."""
        a, b = embeddings
        if present is None:
            return torch.lerp(b, a, self.alpha.to(a.dtype))
        has_a, has_b = present.to(a.device).unsqueeze(2).unbind(1)
        both = has_a & has_b
        weight_a = torch.where(both, self.alpha, has_a.to(a.dtype))
        weight_b = torch.where(both, 1 - self.alpha, has_b.to(b.dtype))
        return weight_a * a + weight_b * b


class AverageNet(nn.Module):
    """The mean of the streams that are present; zeros where none is."""

    def __init__(self, size: int):
        super().__init__()
        self.output_size = size

    def forward(self, embeddings: Sequence[Tensor], present: Tensor | None = None) -> Tensor:
        """S embeddings [B, E] -> [B, E]."""
        stacked = torch.stack(list(embeddings), dim=1)
        if present is None:
            return stacked.mean(1)
        weight = present.to(stacked).unsqueeze(2)
        return (stacked * weight).sum(1) / weight.sum(1).clamp(min=1)
