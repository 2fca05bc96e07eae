"""Embeddings side by side, ahead of one head."""

from collections.abc import Sequence
from typing import Any, Literal

from .settings import FusionSettings


class Concat(FusionSettings):
    """The streams' embeddings side by side, zeros for an absent stream."""

    kind: Literal["concat"] = "concat"

    def build(self, sizes: Sequence[int]) -> Any:
        from .concat_net import ConcatNet

        return ConcatNet(sizes)
