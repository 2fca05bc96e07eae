"""Bilinear fusion (Feichtenhofer et al. 2016) of low rank: the first stream's principal components times the
values of every other stream.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..axes import directions, principal_axes, unit_scale
from .concat_net import without_absent


class BilinearNet(nn.Module):
    """[e_1, ..., e_S, c_1 e_2, ..., c_K e_2, c_1 e_3, ...], c = axes e_1 / |e_1|; `fit` on training videos.

    The products of each stream have a mean square norm of 1 about their mean. Those with an absent stream are
    zeros.
    """

    axes: Tensor
    scale: Tensor

    def __init__(self, sizes: Sequence[int], components: int):
        super().__init__()
        first, *others = sizes
        count = min(components, first)
        self.products = [count * size for size in others]
        self.output_size = sum(sizes) + sum(self.products)
        self.register_buffer("axes", torch.zeros(count, first))
        self.register_buffer("scale", torch.ones(len(others)))

    def forward(self, embeddings: Sequence[Tensor], present: Tensor | None = None) -> Tensor:
        """S embeddings [B, E_s], zeros for an absent stream -> [B, sum of E_s + K times all but E_1]."""
        if present is not None:
            embeddings = without_absent(embeddings, present)
        products = self._products(embeddings, self.axes)
        scaled = [part * scale for part, scale in zip(products, self.scale, strict=True)]
        return torch.cat([*embeddings, *scaled], dim=1)

    def fit(self, embeddings: Sequence[Tensor]) -> None:
        """Take the axes and the scales from the training videos' embeddings, [N, E_s] each."""
        axes = principal_axes(directions(embeddings[0].double()), len(self.axes))
        self.axes.copy_(axes)
        for stream, part in enumerate(self._products([e.double() for e in embeddings], axes)):
            self.scale[stream] = unit_scale(part)

    def _products(self, embeddings: Sequence[Tensor], axes: Tensor) -> list[Tensor]:
        first, *others = embeddings
        components = directions(first) @ axes.T
        return [(components.unsqueeze(2) * other.unsqueeze(1)).flatten(1) for other in others]
