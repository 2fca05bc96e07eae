"""Optical flow as clips for I3D and as stacks for the motion networks."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field as Key
from pydantic import model_validator

from ..flow.methods import METHODS, describe_method
from ..keys import fingerprint
from ..sampling.frames import within
from ..sampling.online import OnlineSampler, online_sampler
from ..sampling.specs import Adaptive, Sampling, Segments, Windows
from ..settings import APART, Count
from ..types import Clip, Frame
from .base import Task, Tools
from .fields import FLOW_FOLDER, Field, FieldCache, Spool, scaled_flow
from .frames import FrameMaker, FrameStream
from .images import fit_flow, middle
from .motion import MOTION_SIZE, MotionProfile, describe_motion
from .stacks import Stacker, stack_fields, stack_start

ONE_FRAME = "no motion: one frame"
if TYPE_CHECKING:
    Method = str
else:
    Method = Literal[METHODS]


class FlowStream(FrameStream):
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
    def flow_methods(self) -> tuple[tuple[str, str], ...]:
        """The flow itself, and the one by which adaptive sampling goes."""
        return ((self.method, self.flow_weights), *super().flow_methods)

    @property
    def stack_length(self) -> int | None:
        """Fields in a stack, for backbones that take stacks."""
        return (self.stack or 10) if self.views[0].kind == "flow_stack" else None

    def settings(self, variant: int = 0) -> dict[str, Any]:
        own = {"flow": describe_method(self.method, weights=self.flow_weights), "stack": self.stack_length}
        return super().settings(variant) | own

    def without_weights(self) -> dict[str, Any]:
        return super().without_weights() | {"flow_weights": "none"}

    def open(self, task: Task, tools: Tools, times: np.ndarray | None = None) -> "FlowMaker":
        return FlowMaker(self, task, tools, times)

    @model_validator(mode="after")
    def _check(self) -> Self:
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
        frames = stream.total(times)
        self.sampler: OnlineSampler[Any] = online_sampler(
            stream.sampling, None if frames is None else max(frames - 1, 1)
        )
        self.limit = stream.limit
        self.profile = _profile(stream, task, tools)
        # What cuts fields into clips as they come; None where only the end says which are wanted.
        self.cutter: _Clips | Stacker | None = None
        if not self.sampler.whole:
            length = stream.stack_length
            self.cutter = Stacker(self.sampler, length) if length else _Clips(self.sampler)
        self.cache = self._cache()
        self.cached = self.cache.load() if self.cache and not self.profile.missing else None
        self.done = self.cached is not None
        self.kept = Spool() if self.cutter is None or (task.keep_flow and self.cache is not None) else None
        self.pairs = None if self.done else tools.flow(stream.method, stream.flow_weights).pairs()
        self._waiting: deque[float] = deque()
        # The fields so far, and, where they are kept, their times: without end neither may grow.
        self._count = 0
        self._times: list[float] = []

    def wants(self, index: int, pts_seconds: float) -> bool:
        """Every frame: a field needs both."""
        return True

    def push(self, item: Frame) -> Iterable[Clip]:
        if item.index and not within(item.pts_seconds, self.limit):
            self.done = True
            return []
        self._waiting.append(item.pts_seconds)
        self.profile.push(item.data)
        assert self.pairs is not None
        return self._take(self.pairs.push(fit_flow(item.data, self.size, self.crop)))

    def finish(self) -> Iterator[Clip]:
        if self.pairs is None:
            yield from self._from_cache()
            return
        yield from self._take(self.pairs.finish())
        self.profile.finish()
        if not self._count:
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
        motion = self.profile.values
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
        self._count += 1
        if self.kept is not None:
            self._times.append(pts_seconds)
            self.kept.append(field.astype(np.float16))
        if self.cutter is None:
            return []
        clips = self.cutter.push(self._count - 1, (pts_seconds, field))
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


def _profile(stream: FlowStream, task: Task, tools: Tools) -> MotionProfile:
    """Measured on the stream's own fields where they are what the sampling goes by, or beside them.

    What is kept for a later stage is measured too.
    """
    view, own = stream.views[0], None
    if (view.size, view.crop) == (MOTION_SIZE, "stretch") and stream.limit:
        own = Adaptive(
            kind="adaptive",
            frames=1,
            seconds=stream.limit,
            motion=stream.method,
            weights=stream.flow_weights,
        )
    wanted = stream.adaptive or (own if task.keep_flow else None)
    by_fields = bool(own and wanted and describe_motion(own) == describe_motion(wanted))
    return MotionProfile(wanted, task, tools, by_fields=by_fields)


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
