"""What every stream declares, and how a video passes through one: frames or sound in, clips out.

    maker = stream.open(task, tools, times)      # the state for one video
    for item in maker.items(video):              # whoever supplies them: a file, a camera, an array
        clips = maker.push(item)
    clips = maker.finish()

Nothing here or in the streams imports torch at module level: workers that decode start without it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from ..backbones.spec import InputKind, InputSpec, Preprocessing
from ..backbones.table import backbone_spec
from ..errors import UsageError
from ..media.video import Video
from ..settings import APART, Settings
from ..types import Clip
from .tools import Tools


@dataclass(frozen=True, slots=True)
class View:
    """What one backbone of a stream is given per step (see `kinema.types.Clip`)."""

    kind: InputKind
    size: tuple[int, int] | None
    crop: Literal["center", "stretch"]
    preprocessing: Preprocessing | None = None
    own_crop: bool = False  # whether the recipe's `crop` replaces the library's own way

    def describe(self) -> dict[str, Any]:
        """As plain data, for the fingerprint."""
        plain: dict[str, Any] = {"kind": self.kind, "size": self.size, "crop": self.crop}
        if self.preprocessing is not None:
            plain |= {"preprocessing": asdict(self.preprocessing), "own_crop": self.own_crop}
        return plain


@dataclass(frozen=True, slots=True)
class Task:
    """What a stream is told of the video before it.

    `key` names its content, `variant` the augmented version (0 is the video as it is). `cache` is a folder
    for what several streams or stages need of one video: motion profiles and, with `keep_flow`, flow fields.
    """

    key: str = ""
    variant: int = 0
    cache: Path | None = None
    keep_flow: bool = False


class Maker(ABC):
    """One video on its way through a stream. `notes` are facts worth counting; `done` ends the reading."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.done = False

    @abstractmethod
    def items(self, video: Video) -> Iterator[Any]:
        """The frames, or the blocks of sound, that the stream wants of a video."""

    @abstractmethod
    def push(self, item: Any) -> Iterable[Clip]:
        """Take the next item; returns the clips that it completes."""

    @abstractmethod
    def finish(self) -> Iterable[Clip]:
        """The clips that only the end of the video completes."""


class FrameMaker(Maker):
    """A maker that is fed RGB frames."""

    @abstractmethod
    def wants(self, index: int, pts_seconds: float) -> bool:
        """Whether the frame at this index and time is needed; others need not be converted.

        The first frame behind all that is sampled is asked for too: it ends the reading.
        """

    def items(self, video: Video) -> Iterator[Any]:
        """The frames it wants."""
        return video.frames(self.wants)


class StreamSettings(Settings):
    """The keys that every stream has. Keys marked APART do not decide what a stored feature holds:
    `weights` counts by the digest of the values, the training keys by the values that they lead to.

    `standardize` brings features to mean 0 and spread 1 over the training videos, ahead of the temporal
    model. Left open it is true where `weights` is none and the backbone is not trained.
    """

    backbone: Annotated[str | tuple[str, ...], APART]
    weights: Annotated[str, APART] = "none"
    features: Annotated[str | None, APART] = None
    train_blocks: Annotated[int, Field(ge=0), APART] = 0
    batch_norm: Annotated[Literal["eval", "train"], APART] = "eval"
    standardize: Annotated[bool | None, APART] = None

    input: str

    @property
    def backbones(self) -> tuple[str, ...]:
        """The backbones whose features are joined per step, as a tuple even where there is one."""
        return (self.backbone,) if isinstance(self.backbone, str) else self.backbone

    @cached_property
    def known_inputs(self) -> dict[str, InputSpec]:
        """What the backbones take, as checked: it travels to the workers, which need no library for it."""
        return {}

    @property
    def views(self) -> tuple[View, ...]:
        """What each backbone is given per step."""
        for name in self.backbones:
            if name not in self.known_inputs:
                self.known_inputs[name] = backbone_spec(name).input
        specs = [self.known_inputs[name] for name in self.backbones]
        own = getattr(self, "crop", None)
        return tuple(View(s.kind, s.size, own or s.crop, s.preprocessing, own_crop=bool(own)) for s in specs)

    @property
    def can_standardize(self) -> bool:
        """Whether the temporal stage reads stored features, whose mean and spread can be taken first."""
        return not self.train_blocks and not self.on_the_fly

    @property
    def copies(self) -> int:
        """Augmented versions of each training video that are stored beside it."""
        return 0

    @property
    def on_the_fly(self) -> bool:
        """Whether training sees a new version of each video in every epoch."""
        return False

    @property
    def needs_times(self) -> bool:
        """Whether sampling depends on the number of frames, so that counting them first saves work."""
        return False

    @property
    def flow_methods(self) -> tuple[tuple[str, str], ...]:
        """(method, weights) of the optical flow that the stream computes."""
        return ()

    def settings(self, variant: int = 0) -> dict[str, Any]:
        """Everything but the backbones' values that decides the features, as plain data."""
        return self.counted() | {"views": [view.describe() for view in self.views]}

    def without_weights(self) -> dict[str, Any]:
        """The changes that make every network of the stream a random one, by key."""
        return {"weights": "none"}

    def open(self, task: Task, tools: Tools, times: np.ndarray | None = None) -> Maker:
        """The state for one video; `times` are those of its frames, where they are known and matter."""
        raise NotImplementedError

    def check_kinds(self, allowed: tuple[InputKind, ...]) -> None:
        """Raise `ValueError` where a backbone takes what this input does not give."""
        for name in self.backbones:
            try:
                self.known_inputs[name] = spec = backbone_spec(name).input
            except UsageError as error:
                raise ValueError(str(error)) from None
            if spec.kind not in allowed:
                raise ValueError(
                    f"backbone {name} takes {spec.kind} input, which these settings do not give "
                    f"(they give {' or '.join(allowed)}); choose another backbone, input or sampling"
                )

    def check_length(self, length: int) -> None:
        """Raise `ValueError` where a backbone takes no clips of `length` frames."""
        for name in self.backbones:
            spec = self.known_inputs[name]
            if not spec.takes(length):
                near = spec.length or spec.least
                raise ValueError(
                    f"backbone {name} takes clips of {spec.lengths()}, not of {length}; "
                    f"set `sampling.length` to {near}"
                )

    @model_validator(mode="after")
    def _check_standardize(self) -> StreamSettings:
        if self.standardize and not self.can_standardize:
            raise ValueError("`standardize` is for features of a frozen backbone, computed ahead of training")
        return self
