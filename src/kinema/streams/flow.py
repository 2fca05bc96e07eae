"""Optical flow as clips for I3D and as stacks for the motion networks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field as Key
from pydantic import model_validator

from ..flow.methods import METHODS, describe_method
from ..keys import fingerprint
from ..sampling.frames import within
from ..sampling.online import OnlineSampler, online_sampler
from ..sampling.specs import Adaptive, Sampling, Segments, Uniform, Windows
from ..settings import APART, Count
from ..types import Clip, Frame
from .base import FrameMaker, StreamSettings, Task
from .fields import FLOW_FOLDER, Field, FieldCache, scaled_flow
from .images import fit_flow, middle
from .motion import MOTION_SIZE, MotionMeter, describe_motion, load_motion, save_motion
from .rgb import sampling_flow, sampling_motion, sampling_without_weights, total_frames
from .spool import Spool
from .stacks import Stacker, stack_fields, stack_start
from .tools import Tools

ONE_FRAME = "no motion: one frame"
if TYPE_CHECKING:
    Method = str
else:
    Method = Literal[METHODS]


class FlowStream(StreamSettings):
    """Displacement fields of consecutive frames by `method`, clipped at `clip_px` pixels and scaled to
    [-1, 1]: clips of fields for I3D, stacks of `stack` fields for the motion networks.

    A video of one frame has no flow: it is given one zero field, and a note.
    """

    input: Literal["flow"]
    method: Annotated[Method, APART]
    flow_weights: Annotated[Literal["published", "none"], APART] = "published"
    sampling: Sampling
    crop: Annotated[Literal["stretch", "center"] | None, APART] = None
    clip_px: Annotated[float, Key(gt=0)] = 20.0
    stack: Count | None = None

    @property
    def needs_times(self) -> bool:
        """Fields at equal distances are known when the number of frames is."""
        return isinstance(self.sampling, Uniform)

    @property
    def flow_methods(self) -> tuple[tuple[str, str], ...]:
        """The flow itself, and the one by which adaptive sampling goes."""
        return ((self.method, self.flow_weights), *sampling_flow(self.sampling))

    @property
    def stack_length(self) -> int | None:
        """Fields in a stack, for backbones that take stacks."""
        return (self.stack or 10) if self.views[0].kind == "flow_stack" else None

    def settings(self, variant: int = 0) -> dict[str, Any]:
        """See `StreamSettings.settings`."""
        own = {"flow": describe_method(self.method, weights=self.flow_weights), "stack": self.stack_length}
        return super().settings(variant) | own | sampling_motion(self.sampling)

    def without_weights(self) -> dict[str, Any]:
        """The changes that make every network of the stream a random one."""
        own = {"flow_weights": "none"}
        return super().without_weights() | own | sampling_without_weights(self.sampling)

    def open(self, task: Task, tools: Tools, times: np.ndarray | None = None) -> FlowMaker:
        """The state for one video."""
        return FlowMaker(self, task, tools, times)

    @model_validator(mode="after")
    def _check(self) -> FlowStream:
        clips = isinstance(self.sampling, Segments | Windows)
        self.check_kinds(("flow_clip",) if clips else ("flow_stack",))
        if len(self.backbones) > 1:
            raise ValueError("flow takes one backbone; give each its own stream")
        return self


class FlowMaker(FrameMaker):
    """Frames in, clips or stacks of fields out."""

    def __init__(self, stream: FlowStream, task: Task, tools: Tools, times: np.ndarray | None):
        super().__init__()
        self.stream, self.task = stream, task
        (view,) = stream.views
        assert view.size is not None, "flow views have a size"
        self.size, self.crop = view.size, view.crop
        frames = total_frames(stream.sampling, times)
        self.sampler: OnlineSampler[Any] = online_sampler(
            stream.sampling, None if frames is None else max(frames - 1, 1)
        )
        self.limit = stream.sampling.seconds if isinstance(stream.sampling, Adaptive | Uniform) else None
        self.profile = _Profile(stream, task, tools)
        self.cutter = _cutter(stream, self.sampler)
        self.cache = self._cache()
        self.cached = self.cache.load() if self.cache and not self.profile.missing else None
        self.done = self.cached is not None
        self.kept = Spool() if self.cutter is None or (task.keep_flow and self.cache is not None) else None
        self.pairs = None if self.done else tools.flow(stream.method, stream.flow_weights).pairs()
        self._waiting: deque[float] = deque()
        self._times: list[float] = []

    def wants(self, index: int, pts_seconds: float) -> bool:
        """Every frame: a field needs both."""
        return True

    def push(self, item: Frame) -> Iterable[Clip]:
        """Take one frame."""
        if item.index and not within(item.pts_seconds, self.limit):
            self.done = True
            return []
        self._waiting.append(item.pts_seconds)
        self.profile.push(item.data)
        assert self.pairs is not None
        return self._take(self.pairs.push(fit_flow(item.data, self.size, self.crop)))

    def finish(self) -> Iterator[Clip]:
        """The clips that the end of the video completes."""
        if self.pairs is None:
            yield from self._from_cache()
            return
        yield from self._take(self.pairs.finish())
        self.profile.finish()
        if not self._times:
            self.notes.append(ONE_FRAME)
            yield from self._next(0.0, np.zeros((*self.size, 2), np.float32))
        elif self.kept is not None and self.cache is not None and self.task.keep_flow:
            self.cache.save(self._times, iter(self.kept), (*self.size, 2))
        yield from self._rest()

    def _from_cache(self) -> Iterator[Clip]:
        times, fields = self.cached or ([], [])
        for pts_seconds, field in zip(times, fields, strict=True):
            yield from self._next(pts_seconds, field.astype(np.float32))
            if self.cutter is not None and self.cutter.done:
                return
        yield from self._rest()

    def _rest(self) -> Iterator[Clip]:
        if self.cutter is not None:
            yield from self.cutter.finish()
            return
        assert self.kept is not None
        motion = self.profile.motion
        chosen = self.sampler.choose(len(self._times) if motion is None else len(motion) + 1, motion)
        last, length = len(self._times) - 1, self.stream.stack_length or 1
        for index in np.minimum(chosen, last).tolist():
            start = stack_start(index, len(self._times), length)
            fields = [self.kept[i].astype(np.float32) for i in range(start, min(start + length, last + 1))]
            yield Clip(self._times[index], (stack_fields(fields, length),))

    def _take(self, fields: list[np.ndarray]) -> Iterator[Clip]:
        """Fields [2, H, W] in pixels, as they come from the method."""
        for field in fields:
            self.profile.push_field(field)
            scaled = scaled_flow(middle(field, self.size), self.stream.clip_px)
            yield from self._next(self._waiting.popleft(), scaled.astype(np.float16).astype(np.float32))

    def _next(self, pts_seconds: float, field: np.ndarray) -> Iterable[Clip]:
        self._times.append(pts_seconds)
        if self.kept is not None:
            self.kept.append(field.astype(np.float16))
        if self.cutter is None:
            return []
        clips = self.cutter.push(len(self._times) - 1, (pts_seconds, field))
        # What is kept is kept whole: the next stage samples it in another way.
        self.done = self.cutter.done and self.kept is None
        return clips

    def _cache(self) -> FieldCache | None:
        if self.task.cache is None or not self.task.key:
            return None
        stream = self.stream
        flow = {
            "flow": describe_method(stream.method, weights=stream.flow_weights),
            "view": [self.size, self.crop, stream.clip_px, self.limit],
        }
        return FieldCache(self.task.cache / FLOW_FOLDER / fingerprint(flow)[:16] / f"{self.task.key}.npy")


class _Profile:
    """The motion by which adaptive sampling goes: from the cache, from the stream's own fields where they
    are what it is measured on, or measured beside them. What is kept for a later stage is measured too.
    """

    def __init__(self, stream: FlowStream, task: Task, tools: Tools):
        self.task = task
        view, sampling = stream.views[0], stream.sampling
        native = (view.size, view.crop) == (MOTION_SIZE, "stretch")
        own = None
        if native and isinstance(sampling, Adaptive | Uniform) and sampling.seconds:
            own = Adaptive(
                kind="adaptive",
                frames=1,
                seconds=sampling.seconds,
                motion=stream.method,
                weights=stream.flow_weights,
            )
        wanted = sampling if isinstance(sampling, Adaptive) else own if task.keep_flow else None
        self.spec = wanted
        self.motion = load_motion(wanted, task) if wanted else None
        self.missing = wanted is not None and self.motion is None
        self.meter = MotionMeter(wanted, tools) if wanted and self.missing else None
        self.by_fields = bool(own and wanted and describe_motion(own) == describe_motion(wanted))

    def push(self, frame: np.ndarray) -> None:
        if self.meter is not None and not self.by_fields:
            self.meter.push(frame)

    def push_field(self, field: np.ndarray) -> None:
        if self.meter is not None and self.by_fields:
            self.meter.push_fields([field])

    def finish(self) -> None:
        if self.meter is not None and self.spec is not None:
            self.motion = self.meter.finish()
            save_motion(self.spec, self.task, self.motion)


def _cutter(stream: FlowStream, sampler: OnlineSampler[Any]) -> _Clips | Stacker | None:
    """What cuts fields into clips as they come; None where only the end says which are wanted."""
    if sampler.whole:
        return None
    length = stream.stack_length
    return _Clips(sampler) if length is None else Stacker(sampler, length)


class _Clips:
    """Segments and windows of fields: float32 [L, H, W, 2]."""

    def __init__(self, sampler: OnlineSampler[Field]):
        self.sampler = sampler

    @property
    def done(self) -> bool:
        return self.sampler.done

    def push(self, index: int, field: Field) -> list[Clip]:
        if self.sampler.done or not self.sampler.wants(index, field[0]):
            return []
        return [_clip(items) for items in self.sampler.push(field, index, field[0])]

    def finish(self) -> list[Clip]:
        return [_clip(items) for items in self.sampler.finish()]


def _clip(items: list[Field]) -> Clip:
    return Clip(items[0][0], (np.stack([field for _, field in items]),))
