"""Bilinear fusion: what the other streams see may mean another thing in another scene."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from ..settings import Count
from .settings import FusionSettings


class Bilinear(FusionSettings):
    """The streams' embeddings side by side, and the products of the first stream's `components` with each of
    the others' values.

    The components are the principal ones of the first stream's embeddings, as directions; see
    `kinema.fusion.bilinear_net`. They are taken over the training videos, so it joins temporal models in
    closed form.
    """

    kind: Literal["bilinear"] = "bilinear"
    closed_form: ClassVar[bool] = True
    gradients: ClassVar[bool] = False
    components: Count = 16

    def build(self, sizes: Sequence[int]) -> Any:
        from .bilinear_net import BilinearNet

        return BilinearNet(sizes, self.components)
