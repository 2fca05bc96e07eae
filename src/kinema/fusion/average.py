"""Averages of the streams (i3d-gru paper): weighted, equation 1, and plain."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from .settings import FusionSettings


class WeightedAverage(FusionSettings):
    """`alpha` is the weight of the first stream."""

    kind: Literal["weighted_average"] = "weighted_average"
    alpha: Literal["learned"] | Annotated[float, Field(ge=0, le=1)] = "learned"

    def check(self, streams: int, stages: str) -> None:
        super().check(streams, stages)
        if streams > 2:
            raise ValueError(
                f"`fusion.kind: {self.kind}` joins two streams; use average, concat or concat_svm"
            )

    def build(self, sizes: Sequence[int]) -> Any:
        from .average_net import WeightedAverageNet

        return WeightedAverageNet(self.one_size(sizes), self.alpha)


class Average(FusionSettings):
    """The mean of the streams that a video has."""

    kind: Literal["average"] = "average"

    def build(self, sizes: Sequence[int]) -> Any:
        from .average_net import AverageNet

        return AverageNet(self.one_size(sizes))
