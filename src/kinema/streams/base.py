"""What every stream declares, and how a video passes through one: frames or sound in, clips out.

    maker = stream.open(task, tools, times)      # the state for one video
    for item in maker.items(video):              # whoever supplies them: a file, a camera, an array
        clips = maker.push(item)
    clips = maker.finish()

Nothing here or in the streams imports torch at module level: workers that decode start without it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ..backbones.spec import InputKind, InputSpec
from ..backbones.table import backbone_spec
from ..errors import UsageError
from ..flow.methods import FlowMethod, load_method
from ..media.video import Video
from ..resources import Resources
from ..settings import APART, Settings
from ..types import Clip


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


class Tools:
    """What the streams of one process share: flow methods, loaded when first asked for, and their threads.

    `resizes_later`: frames are not brought to their size here: the device that computes them does it.
    """

    def __init__(self, resources: Resources, *, threads: int = 1, resizes_later: bool = False):
        self.resources, self.threads, self.resizes_later = resources, threads, resizes_later
        self._methods: dict[tuple[str, str], FlowMethod] = {}

    def flow(self, method: str, weights: str = "published") -> FlowMethod:
        """A flow method on the device. Raises `UsageError` and `WeightsError`."""
        if (method, weights) not in self._methods:
            self._methods[method, weights] = load_method(
                method,
                weights=weights,
                folder=self.resources.folder,
                download=not self.resources.offline,
                device=self.resources.device,
                threads=self.threads,
            )
        return self._methods[method, weights]


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
    def views(self) -> tuple[InputSpec, ...]:
        """What each backbone is given per step: what it asks for, cropped as the stream says."""
        for name in self.backbones:
            if name not in self.known_inputs:
                self.known_inputs[name] = backbone_spec(name).input
        specs = [self.known_inputs[name] for name in self.backbones]
        own = getattr(self, "crop", None)
        return tuple(replace(s, crop=own, own_crop=True) if own else s for s in specs)

    @property
    def on_stored_features(self) -> bool:
        """Whether the temporal stage reads features of a frozen backbone, stored ahead of it."""
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
    def augments(self) -> bool:
        """Whether a backbone stage sees a new version of each clip in every epoch."""
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
    def _check_standardize(self) -> Self:
        if self.standardize and not self.on_stored_features:
            raise ValueError("`standardize` is for features of a frozen backbone, computed ahead of training")
        return self
