"""Fusion of the streams' embeddings by average, learned or fixed weighted average, or concatenation.

Every fusion takes the embeddings [B, E_s] in stream order and `present` (bool [B, S]; None means that all
are), which says which streams a sample has at all. An absent stream must not drag the others down: averages
are taken over the streams that are present, so that a sample with one stream is that stream's embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import UsageError
from ..recipe import Fusion


class WeightedAverage(nn.Module):
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

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that weight decay must leave alone: it would pull alpha towards 0, stream B."""
        return {name for name, _ in self.named_parameters()}

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


class Average(nn.Module):
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


class Concat(nn.Module):
    """Embeddings side by side, zeros for an absent stream.

    With `presence` one 0/1 column per stream follows, so that a linear classifier can tell an absent stream
    from a present one whose embedding is small; the three-stream paper leaves this case open.
    """

    def __init__(self, sizes: Sequence[int], *, presence: bool = False):
        super().__init__()
        self.presence = presence
        self.output_size = sum(sizes) + presence * len(sizes)

    def forward(self, embeddings: Sequence[Tensor], present: Tensor | None = None) -> Tensor:
        """S embeddings [B, E_s] -> [B, sum of E_s (+ S)]."""
        first = embeddings[0]
        if present is None:
            present = torch.ones(len(first), len(embeddings), dtype=torch.bool)
        columns = present.to(first)
        parts = [e * columns[:, s : s + 1] for s, e in enumerate(embeddings)]
        return torch.cat([*parts, columns] if self.presence else parts, dim=1)


def build_fusion(spec: Fusion, sizes: Sequence[int]) -> WeightedAverage | Average | Concat:
    """The fusion of a recipe for streams with embeddings of these sizes.

    `concat_svm` gives the concatenation with presence columns, which is what the SVM is fitted on. Raises
    UsageError where averages meet embeddings of different sizes.
    """
    if spec.kind == "concat":
        return Concat(sizes)
    if spec.kind == "concat_svm":
        return Concat(sizes, presence=True)
    if len(set(sizes)) > 1:
        raise UsageError(
            f"fusion.kind: {spec.kind} needs embeddings of one size, got {list(sizes)}; use concat"
        )
    if spec.kind == "average":
        return Average(sizes[0])
    return WeightedAverage(sizes[0], spec.alpha)
