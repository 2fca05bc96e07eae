"""RGB frames as clips: one decoded frame may serve several backbones."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import model_validator

from ..backbones.spec import InputSpec
from ..flow.methods import describe_method
from ..sampling.online import IndexSampler, OnlineSampler, online_sampler
from ..sampling.specs import Sampling, Segments, Windows
from ..settings import APART
from ..types import Clip, Frame
from .augment import Augment, Augmenter
from .base import Task, Tools
from .fields import Spool
from .frame_flow import METHOD, frame_flow
from .frames import FrameMaker, FrameStream
from .motion import MotionProfile
from .preprocess import fit_view, part_for_view

Prepared = tuple[float, tuple[np.ndarray, ...]]


class RgbStream(FrameStream):
    """Frames chosen by `sampling`, cut and resized (`crop`) for each backbone."""

    input: Literal["rgb"]
    sampling: Sampling
    crop: Annotated[Literal["stretch", "center"] | None, APART] = None
    augment: Augment | None = None

    @property
    def on_the_fly(self) -> bool:
        """Whether training sees a new version of each video in every epoch."""
        return bool(self.augment and self.augment.on_the_fly)

    @property
    def augments(self) -> bool:
        """Whether a backbone stage sees a new version of each clip in every epoch: where `augment` is set."""
        return self.augment is not None

    @property
    def copies(self) -> int:
        """Augmented versions of each training video that are stored beside it."""
        return self.augment.copies if self.augment else 0

    @property
    def carries_flow(self) -> bool:
        """Whether a backbone is given the flow over its frames."""
        return any(view.kind == "frame_flow" for view in self.views)

    @property
    def flow_methods(self) -> tuple[tuple[str, str], ...]:
        """That flow, and the one by which adaptive sampling goes."""
        own = ((METHOD, "published"),) if self.carries_flow else ()
        return (*own, *super().flow_methods)

    def settings(self, variant: int = 0) -> dict[str, Any]:
        """See `StreamSettings.settings`; what augments counts for augmented versions alone."""
        own: dict[str, Any] = {} if variant else {"augment": None}
        if self.carries_flow:
            own["flow"] = describe_method(METHOD)
        return super().settings(variant) | own

    def open(self, task: Task, tools: Tools, times: np.ndarray | None = None) -> "RgbMaker":
        return RgbMaker(self, task, tools, self.total(times))

    @model_validator(mode="after")
    def _check(self) -> Self:
        clips = isinstance(self.sampling, Segments | Windows)
        self.check_kinds(("clip", "frame_flow") if clips else ("frame",))
        if isinstance(self.sampling, Segments | Windows):
            self.check_length(self.sampling.length)
        return self


class RgbMaker(FrameMaker):
    """Frames in, clips out. Where only the end says which frames are wanted, they wait on disk, resized."""

    def __init__(self, stream: RgbStream, task: Task, tools: Tools, total: int | None):
        super().__init__()
        self.stream, self.views = stream, stream.views
        self.augment = None
        if task.variant and stream.augment is not None:
            self.augment = Augmenter(stream.augment, task.key, task.variant)
        self.sampler: OnlineSampler[Prepared] = online_sampler(stream.sampling, total)
        self.profile = MotionProfile(stream.adaptive, task, tools)
        motion = self.profile.values
        if motion is not None:
            self.sampler = IndexSampler(self.sampler.choose(len(motion) + 1, motion))
        later = tools.resizes_later and not self.augment and not stream.carries_flow
        self._fit = part_for_view if later else fit_view
        self._flow = tools.flow(METHOD) if stream.carries_flow else None
        self._times: list[float] = []
        self._spools = [Spool() for _ in self.views if self.sampler.whole]

    def wants(self, index: int, pts_seconds: float) -> bool:
        return self.sampler.wants(index, pts_seconds) or self.sampler.done

    def push(self, item: Frame) -> Iterable[Clip]:
        if self.sampler.done:
            self.done = True
            return []
        if self.sampler.whole:
            self._keep(item)
            return []
        clips = self.sampler.push((item.pts_seconds, self._prepared(item)), item.index, item.pts_seconds)
        self.done = self.sampler.done
        return [self._clip(items) for items in clips]

    def finish(self) -> Iterator[Clip]:
        if not self.sampler.whole:
            yield from (self._clip(items) for items in self.sampler.finish())
            return
        self.profile.finish()
        for index in self.sampler.choose(len(self._times), self.profile.values).tolist():
            yield Clip(self._times[index], tuple(spool[index] for spool in self._spools))

    def _keep(self, frame: Frame) -> None:
        self.profile.push(frame.data)
        self._times.append(frame.pts_seconds)
        for spool, array in zip(self._spools, self._prepared(frame), strict=True):
            spool.append(array)

    def _prepared(self, frame: Frame) -> tuple[np.ndarray, ...]:
        image = self.augment(frame.data) if self.augment else frame.data
        return tuple(self._fit(image, view) for view in self.views if view.size)

    def _clip(self, items: list[Prepared]) -> Clip:
        columns = zip(*(inputs for _, inputs in items), strict=True)
        pairs = zip(self.views, columns, strict=True)
        return Clip(items[0][0], tuple(self._input(view, column) for view, column in pairs))

    def _input(self, view: InputSpec, frames: Sequence[np.ndarray]) -> np.ndarray:
        if view.kind == "frame_flow":
            assert self._flow is not None
            return frame_flow(frames, self._flow)
        return np.stack(frames) if view.kind == "clip" else frames[0]
