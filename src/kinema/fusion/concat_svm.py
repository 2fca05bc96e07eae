"""A linear SVM on the embeddings of separately trained streams (three-stream paper, fusion model)."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from .settings import FusionSettings


class ConcatSvm(FusionSettings):
    """`svm_l2` weighs the SVM's penalty, see `kinema.model.svm`; what is built is the SVM's input."""

    kind: Literal["concat_svm"] = "concat_svm"
    stages: ClassVar[Literal["joint", "separate"]] = "separate"
    svm_l2: Annotated[float, Field(gt=0)] = 1.0e-2

    def build(self, sizes: Sequence[int]) -> Any:
        from .concat_net import ConcatNet

        return ConcatNet(sizes, presence=True)
