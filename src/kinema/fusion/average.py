"""The plain average of the streams (the i3d-gru paper's other fusion)."""

from collections.abc import Sequence
from typing import Any, Literal

from .settings import FusionSettings


class Average(FusionSettings):
    """The mean of the streams that a video has."""

    kind: Literal["average"] = "average"

    def build(self, sizes: Sequence[int]) -> Any:
        from .average_net import AverageNet

        return AverageNet(self.one_size(sizes))
