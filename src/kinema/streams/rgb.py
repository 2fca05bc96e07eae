"""RGB frames as clips: one decoded frame may serve several backbones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import model_validator

from ..sampling.frames import count_within
from ..sampling.online import IndexSampler, OnlineSampler, online_sampler
from ..sampling.specs import Adaptive, Sampling, Segments, Uniform, Windows
from ..settings import APART
from ..types import Clip, Frame
from .augment import Augment, Augmenter
from .base import FrameMaker, StreamSettings, Task
from .motion import MotionMeter, describe_motion, load_motion, save_motion
from .preprocess import fit_view
from .spool import Spool
from .tools import Tools

Prepared = tuple[float, tuple[np.ndarray, ...]]


class RgbStream(StreamSettings):
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
    def copies(self) -> int:
        """Augmented versions of each training video that are stored beside it."""
        return self.augment.copies if self.augment else 0

    @property
    def needs_times(self) -> bool:
        """Frames at equal distances are known when the number of frames is."""
        return isinstance(self.sampling, Uniform)

    @property
    def flow_methods(self) -> tuple[tuple[str, str], ...]:
        """The flow by which adaptive sampling goes."""
        return sampling_flow(self.sampling)

    def settings(self, variant: int = 0) -> dict[str, Any]:
        """See `StreamSettings.settings`; what augments counts for augmented versions alone."""
        found = super().settings(variant)
        if not variant:
            found["augment"] = None
        return found | sampling_motion(self.sampling)

    def without_weights(self) -> dict[str, Any]:
        """The changes that make every network of the stream a random one."""
        return super().without_weights() | sampling_without_weights(self.sampling)

    def open(self, task: Task, tools: Tools, times: np.ndarray | None = None) -> RgbMaker:
        """The state for one video."""
        return RgbMaker(self, task, tools, total_frames(self.sampling, times))

    @model_validator(mode="after")
    def _check(self) -> RgbStream:
        clips = isinstance(self.sampling, Segments | Windows)
        self.check_kinds(("clip",) if clips else ("frame",))
        if isinstance(self.sampling, Segments | Windows):
            self.check_length(self.sampling.length)
        return self


class RgbMaker(FrameMaker):
    """Frames in, clips out. Where only the end says which frames are wanted, they wait on disk, resized."""

    def __init__(self, stream: RgbStream, task: Task, tools: Tools, total: int | None):
        super().__init__()
        self.stream, self.task, self.views = stream, task, stream.views
        self.augment = None
        if task.variant and stream.augment is not None:
            self.augment = Augmenter(stream.augment, task.key, task.variant)
        self.sampler: OnlineSampler[Prepared] = online_sampler(stream.sampling, total)
        self.meter: MotionMeter | None = None
        if isinstance(stream.sampling, Adaptive):
            motion = load_motion(stream.sampling, task)
            if motion is None:
                self.meter = MotionMeter(stream.sampling, tools)
            else:
                self.sampler = IndexSampler(self.sampler.choose(len(motion) + 1, motion))
        self._times: list[float] = []
        self._spools = [Spool() for _ in self.views if self.sampler.whole]

    def wants(self, index: int, pts_seconds: float) -> bool:
        """What the sampler wants."""
        return self.sampler.wants(index, pts_seconds) or self.sampler.done

    def push(self, item: Frame) -> Iterable[Clip]:
        """Take one frame."""
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
        """The clips that the end of the video completes."""
        if not self.sampler.whole:
            yield from (self._clip(items) for items in self.sampler.finish())
            return
        for index in self._chosen():
            yield Clip(self._times[index], tuple(spool[index] for spool in self._spools))

    def _keep(self, frame: Frame) -> None:
        if self.meter is not None:
            self.meter.push(frame.data)
        self._times.append(frame.pts_seconds)
        for spool, array in zip(self._spools, self._prepared(frame), strict=True):
            spool.append(array)

    def _chosen(self) -> list[int]:
        motion = None
        if self.meter is not None and isinstance(self.stream.sampling, Adaptive):
            motion = self.meter.finish()
            save_motion(self.stream.sampling, self.task, motion)
        return self.sampler.choose(len(self._times), motion).tolist()

    def _prepared(self, frame: Frame) -> tuple[np.ndarray, ...]:
        image = self.augment(frame.data) if self.augment else frame.data
        return tuple(fit_view(image, view) for view in self.views if view.size)

    def _clip(self, items: list[Prepared]) -> Clip:
        columns = zip(*(inputs for _, inputs in items), strict=True)
        pairs = zip(self.views, columns, strict=True)
        return Clip(items[0][0], tuple(np.stack(c) if v.kind == "clip" else c[0] for v, c in pairs))


def total_frames(sampling: Sampling, times: np.ndarray | None) -> int | None:
    """How many frames a sampling chooses from, where the times of all frames are known."""
    limit = sampling.seconds if isinstance(sampling, Uniform | Adaptive) else None
    return None if times is None else count_within(times, limit)


def sampling_flow(sampling: Sampling) -> tuple[tuple[str, str], ...]:
    """(method, weights) of the flow that a sampling goes by."""
    if isinstance(sampling, Adaptive) and sampling.motion != "difference":
        return ((sampling.motion, sampling.weights),)
    return ()


def sampling_motion(sampling: Sampling) -> dict[str, Any]:
    """The measure of motion that a sampling goes by, for the fingerprint."""
    return {"motion": describe_motion(sampling)} if isinstance(sampling, Adaptive) else {}


def sampling_without_weights(sampling: Sampling) -> dict[str, Any]:
    """The change that makes the network of a sampling's flow a random one."""
    return {"sampling.weights": "none"} if isinstance(sampling, Adaptive) else {}
