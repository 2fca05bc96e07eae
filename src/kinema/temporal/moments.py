"""Statistics of the features over time at several scales: nothing is trained by gradients."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from ..settings import Count
from .settings import TemporalSettings

Statistic = Literal["mean", "spread", "steps", "halves", "cosine", "scenes"]


class Moments(TemporalSettings):
    """The `statistics` of each feature over time, side by side; see `kinema.temporal.moments_net` for each.

    `lags` are the distances, in steps, of the differences that `steps` takes. The linear
    classifier behind it is fitted in closed form (`kinema.model.ridge`), its strength and the weight of each
    statistic chosen by `folds` folds of whole groups inside the training videos.
    """

    kind: Literal["moments"] = "moments"
    closed_form: ClassVar[bool] = True
    statistics: Annotated[tuple[Statistic, ...], Field(min_length=1)] = ("mean", "spread", "steps", "halves")
    lags: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 2, 4)
    folds: Annotated[int, Field(ge=2)] = 5

    @field_validator("statistics", "lags")
    @classmethod
    def _different(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) < len(values):
            raise ValueError("name each one once")
        return values

    def build(self, input_size: int) -> Any:
        from .moments_net import MomentsNet

        return MomentsNet(self, input_size)
