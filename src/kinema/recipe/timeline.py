"""What a recipe says of timelines: how steps are learned from segments and become segments again."""

from typing import Annotated, Literal

from pydantic import Field

from ..settings import Count, Settings


class Timeline(Settings):
    """A score per step and class, learned from the segments of long videos.

    `chunk`: steps that a gradient runs through at once; a one-way model carries its state on to the next
    chunk.
    `background`: steps whose running mean is taken away from every step, so that what is always in the
    picture does not count (0: nothing is).
    `border_seconds`: how far from where it was marked a border may lie; the target rises over twice as long.
    `smoothing: folds` chooses by `folds` folds of whole groups inside the training files how scores become
    segments; `none` takes every step above one half.
    """

    chunk: Annotated[int, Field(ge=8, le=65_536)] = 256
    background: Annotated[int, Field(ge=0, le=65_536)] = 0
    border_seconds: Annotated[float, Field(ge=0, le=10)] = 0.25
    smoothing: Literal["folds", "none"] = "folds"
    folds: Annotated[Count, Field(ge=2, le=10)] = 3
