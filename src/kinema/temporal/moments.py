"""Statistics of the features over time at several scales: nothing is trained by gradients."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, Field

from ..settings import Count
from .settings import TemporalSettings

Statistic = Literal["mean", "spread", "steps", "halves", "cosine", "scenes", "areas"]


T = TypeVar("T")


def _different(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) < len(values):
        raise ValueError("name each one once")
    return values


Statistics = Annotated[tuple[Statistic, ...], Field(min_length=1), AfterValidator(_different)]


class Moments(TemporalSettings):
    """The `statistics` of each feature over time, side by side; see `kinema.temporal.moments_net` for each.

    `statistics_of` names those of streams that have others.

    `lags` are the distances, in steps, of the differences that `steps` takes. The linear
    classifier behind it is fitted in closed form (`kinema.model.ridge`), its strength and the weight of each
    statistic chosen by `folds` folds of whole groups inside the training videos.
    """

    kind: Literal["moments"] = "moments"
    closed_form: ClassVar[bool] = True
    statistics: Statistics = ("mean", "spread", "steps", "halves")
    lags: Annotated[tuple[Count, ...], Field(min_length=1), AfterValidator(_different)] = (1, 2, 4)
    folds: Annotated[int, Field(ge=2)] = 5
    statistics_of: dict[str, Statistics] = Field(default_factory=dict)

    @property
    def named_streams(self) -> Iterable[str]:
        return self.statistics_of

    def of(self, stream: str) -> Self:
        return self.model_copy(update={"statistics": self.statistics_of.get(stream, self.statistics)})

    def build(self, input_size: int) -> Any:
        from .moments_net import MomentsNet

        return MomentsNet(self, input_size)
