"""A small transformer encoder over the steps."""

from typing import Annotated, Any, Literal

from pydantic import Field

from .attention import Attention
from .recurrent import MOST_LAYERS


class Transformer(Attention):
    """`layers` encoder layers that normalise first, and the mean of their outputs, or all of them with
    `pool: none`; E is units.

    Vaswani et al. 2017, arXiv:1706.03762; the outlook of the vgg16-lstm paper.
    """

    kind: Literal["transformer"] = "transformer"
    layers: Annotated[int, Field(ge=1, le=MOST_LAYERS)] = 2
    pool: Literal["mean", "none"] = "mean"

    @property
    def per_step(self) -> bool:
        return self.pool == "none"

    def build(self, input_size: int) -> Any:
        from .transformer_net import TransformerModel

        return TransformerModel(self, input_size)
