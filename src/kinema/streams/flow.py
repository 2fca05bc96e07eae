"""Optical flow as clips for I3D and as stacks for the motion CNN."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from ..flow.methods import load_method
from ..sampling.adaptive import adaptive
from ..sampling.frames import uniform
from ..sampling.online import IndexSampler, OnlineSampler, online_sampler, run
from ..sampling.specs import Adaptive
from ..types import Clip
from .images import fit
from .motion import flow_frames, save_motion
from .record import open_record
from .source import Job, SourceConfig, View

# I3D's authors resize the short side to 256 and cut 224 out of the middle.
FLOW_MARGIN = 256 / 224

Field = tuple[float, np.ndarray]


class FlowSource:
    """Displacement fields of consecutive frames, clipped, scaled to [-1, 1], and cut into clips or stacks.

    A video of one frame has no flow: it is given one zero field, and the note `no motion: one frame`.
    """

    def __init__(self, config: SourceConfig, *, threads: int = 1):
        self.config, self.threads = config, threads
        self.view: View = config.views[0]
        self.notes: list[str] = []

    def clips(self, job: Job) -> Iterator[Clip]:
        """Yield clips in order. Raises `MediaError` for a file that is damaged."""
        self.notes = []
        spec = self.config.sampling
        if isinstance(spec, Adaptive):
            yield from self._adaptive(job, spec)
            return
        fields = ((i, pts, (pts, field)) for i, (pts, field) in enumerate(self._fields(job)))
        if self.view.kind == "flow_stack":
            yield from stacks(self._sampler(job), (item for _, _, item in fields), self._length())
            return
        for items in run(self._sampler(job), fields):
            yield Clip(items[0][0], (np.stack([field for _, field in items]),))

    def _fields(self, job: Job, seconds: float | None = None) -> Iterator[Field]:
        """(pts_seconds, float32 [h, w, 2] in [-1, 1]) of each frame pair."""
        times: deque[float] = deque()
        count = 0
        method = self.config.method or "tvl1"
        frames = self._frames(job, times, seconds)
        loaded = load_method(method, threads=self.threads, **self.config.flow_options())
        for field in loaded.fields(frames):
            count += 1
            yield times.popleft(), self._scaled(field)
        if not count:
            self.notes.append("no motion: one frame")
            height, width = self._size()
            yield 0.0, np.zeros((height, width, 2), np.float32)

    def _frames(self, job: Job, times: deque[float], seconds: float | None) -> Iterator[np.ndarray]:
        for pts_seconds, frame in flow_frames(job, self.config.method, seconds):
            times.append(pts_seconds)
            yield self._resized(frame)

    def _resized(self, frame: np.ndarray) -> np.ndarray:
        height, width = self._size()
        if self.view.crop == "stretch":
            return fit(frame, (height, width), "stretch")
        short = round(min(height, width) * FLOW_MARGIN)
        scale = short / min(frame.shape[:2])
        size = (max(short, round(frame.shape[0] * scale)), max(short, round(frame.shape[1] * scale)))
        return fit(frame, size, "stretch")

    def _size(self) -> tuple[int, int]:
        if self.view.size is None:
            raise ValueError("flow views have a size")
        return self.view.size

    def _scaled(self, field: np.ndarray) -> np.ndarray:
        height, width = self._size()
        top, left = (field.shape[1] - height) // 2, (field.shape[2] - width) // 2
        return flow_for_i3d(field[:, top : top + height, left : left + width], self.config.clip_px)

    def _length(self) -> int:
        return self.config.stack or 10

    def _sampler(self, job: Job) -> OnlineSampler:
        spec = self.config.sampling
        if spec is None:
            raise ValueError("flow input needs a sampling")
        sampler = online_sampler(spec)
        if sampler is not None:
            return sampler
        with open_record(job.record) as reader:
            pairs = max(len(reader.timestamps()) - 1, 1)
        return IndexSampler(uniform(pairs, spec.frames, spec.policy))  # type: ignore[union-attr]

    def _adaptive(self, job: Job, spec: Adaptive) -> Iterator[Clip]:
        """One pass computes every field, kept on disk; the motion profile then chooses among them."""
        height, width = self._size()
        times: list[float] = []
        motion: list[float] = []
        with tempfile.TemporaryFile() as spool:
            for pts, field in self._fields(job, spec.seconds):
                spool.write(field.astype(np.float16).tobytes())
                times.append(pts)
                motion.append(float(np.hypot(field[..., 0], field[..., 1]).mean(dtype=np.float64)))
            profile = np.asarray([] if self.notes else motion) * self.config.clip_px
            save_motion(job, spec.seconds, self.config.method, profile)
            spool.flush()
            chosen = adaptive(profile, len(profile) + 1, frames=spec.frames, stretches=spec.stretches)
            fields = np.memmap(spool, np.float16, "r", shape=(len(times), height, width, 2))
            for index in np.minimum(chosen, len(times) - 1).tolist():
                part = fields[_stack_start(index, len(times), self._length()) :][: self._length()]
                yield Clip(times[index], (stack_fields(list(part.astype(np.float32)), self._length()),))


def flow_for_i3d(flow: np.ndarray, clip_px: float = 20.0) -> np.ndarray:
    """Fields [..., 2, H, W] in pixels -> float32 [..., H, W, 2]: clipped at +-clip_px, scaled to [-1, 1].

    20 pixels is what the authors of I3D trained on.
    """
    bound = np.float32(clip_px)
    clipped = np.clip(np.asarray(flow, np.float32), -bound, bound) / bound
    return np.ascontiguousarray(np.moveaxis(clipped, -3, -1))


def stacks(sampler: OnlineSampler[int], fields: Iterable[Field], length: int) -> Iterator[Clip]:
    """Stacks of `length` consecutive fields, float32 [H, W, 2 * length], one from each chosen field on.

    A stack that would run over the end starts earlier; a video of fewer fields repeats its last one.
    """
    recent: deque[tuple[int, Field]] = deque()
    waiting: deque[tuple[int, float]] = deque()
    total = 0
    for index, field in enumerate(fields):
        total = index + 1
        recent.append((index, field))
        if not sampler.done and sampler.wants(index, field[0]):
            waiting.extend((items[0], field[0]) for items in sampler.push(index, index, field[0]))
        while waiting and waiting[0][0] + length <= total:
            yield _stack_clip(recent, *waiting.popleft(), length)
        oldest = min(waiting[0][0] if waiting else total, total - length)
        while recent and recent[0][0] < oldest:
            recent.popleft()
        if sampler.done and not waiting:
            return
    last_pts = recent[-1][1][0] if recent else 0.0
    waiting.extend((items[0], last_pts) for items in sampler.finish())
    for index, pts in waiting:
        yield _stack_clip(recent, _stack_start(index, total, length), pts, length)


def stack_fields(fields: list[np.ndarray], length: int) -> np.ndarray:
    """Fields float32 [H, W, 2] side by side as channels [H, W, 2 * length]; the last one repeated to fill."""
    return np.concatenate(fields + [fields[-1]] * (length - len(fields)), axis=2)


def _stack_start(index: int, total: int, length: int) -> int:
    return max(min(index, total - length), 0)


def _stack_clip(recent: Iterable[tuple[int, Field]], start: int, pts: float, length: int) -> Clip:
    chosen = [field for index, (_, field) in recent if start <= index < start + length]
    return Clip(pts, (stack_fields(chosen, length),))
