"""Temporal convolutions over the steps, dilated ever wider."""

from typing import Annotated, Any, Literal

from pydantic import Field

from .recurrent import MOST_UNITS
from .settings import Pooled


class Tcn(Pooled):
    """`layers` residual convolutions of `units` channels and `kernel` steps, the n-th 2^n steps apart.

    One-way, a step sees (kernel - 1) (2^layers - 1) steps before it; with `bidirectional` half of them come
    after it (Farha and Gall 2019, arXiv:1903.01945). E is units.
    """

    kind: Literal["tcn"] = "tcn"
    layers: Annotated[int, Field(ge=1, le=16)] = 6
    units: Annotated[int, Field(ge=1, le=MOST_UNITS)] = 128
    kernel: Annotated[int, Field(ge=2, le=15)] = 3
    bidirectional: bool = False
    pool: Literal["last", "mean", "none"] = "mean"

    def layers_for(self, input_size: int) -> Any:
        from .tcn_net import TcnStack

        return TcnStack(input_size, self)
