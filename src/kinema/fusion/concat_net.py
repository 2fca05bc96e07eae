"""The streams' embeddings side by side."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ConcatNet(nn.Module):
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
        parts = without_absent(embeddings, present)
        return torch.cat([*parts, present.to(first)] if self.presence else parts, dim=1)


def without_absent(embeddings: Sequence[Tensor], present: Tensor) -> list[Tensor]:
    """The embeddings [B, E_s], zeros where a sample has not the stream; `present` bool [B, S]."""
    columns = present.to(embeddings[0])
    return [e * columns[:, s : s + 1] for s, e in enumerate(embeddings)]
