"""Embeddings side by side, ahead of one head, or of a linear SVM (the three-stream paper's fusion model)."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from .settings import FusionSettings


class Concat(FusionSettings):
    """The streams' embeddings side by side, zeros for an absent stream."""

    kind: Literal["concat"] = "concat"
    closed_form: ClassVar[bool] = True

    def build(self, sizes: Sequence[int]) -> Any:
        from .concat_net import ConcatNet

        return ConcatNet(sizes)


class ConcatSvm(FusionSettings):
    """An SVM on the embeddings of separately trained streams; what is built is the SVM's input.

    `svm_l2` weighs the SVM's penalty, see `kinema.model.svm`.
    """

    kind: Literal["concat_svm"] = "concat_svm"
    stages: ClassVar[Literal["joint", "separate"]] = "separate"
    svm_l2: Annotated[float, Field(gt=0)] = 1.0e-2

    def build(self, sizes: Sequence[int]) -> Any:
        from .concat_net import ConcatNet

        return ConcatNet(sizes, presence=True)
