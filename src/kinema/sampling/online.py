"""The samplers as they run along a stream of frames, in constant memory.

A sampler hands out clips, lists of items, as soon as they are complete. A `WholeVideo` chooses only at the
end: the caller keeps the wanted items, and `choose` says which of them count.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

from . import specs
from .adaptive import adaptive
from .frames import TICK_TOLERANCE, fill, uniform, within

Item = TypeVar("Item")


class OnlineSampler(Generic[Item]):
    """Wants every frame and hands it out as a clip of one. Base of the others."""

    whole = False
    done = False

    def wants(self, index: int, pts_seconds: float) -> bool:
        """Whether the frame at this index and time will be part of a clip."""
        return True

    def push(self, item: Item, index: int, pts_seconds: float) -> list[list[Item]]:
        """Take a wanted frame; returns the clips that it completes."""
        return [[item]]

    def finish(self) -> list[list[Item]]:
        """The clips that only the end of the video completes."""
        return []

    def choose(self, count: int, motion: np.ndarray | None = None) -> np.ndarray:
        """Of samplers that are `whole`: the indices of the chosen frames; see `WholeVideo`."""
        raise ValueError("this sampler hands out its clips as frames come")


class _First(OnlineSampler[Item]):
    def __init__(self, frames: int, policy: str):
        self.frames, self.policy = frames, policy
        self.kept: list[Item] = []

    def wants(self, index: int, pts_seconds: float) -> bool:
        return index < self.frames

    def push(self, item: Item, index: int, pts_seconds: float) -> list[list[Item]]:
        # Only `wrap` needs more than the last frame again.
        self.kept = [*self.kept, item] if self.policy == "wrap" else [item]
        self.done = index + 1 == self.frames
        self.count = index + 1
        return [[item]]

    def finish(self) -> list[list[Item]]:
        if self.done or not self.kept:
            return []
        filled = fill(np.arange(self.count), self.frames, self.policy)[self.count :]
        return [[self.kept[i] if self.policy == "wrap" else self.kept[-1]] for i in filled]


class _Jump(OnlineSampler[Item]):
    def __init__(self, every: int, max_frames: int | None):
        self.every, self.left = every, max_frames

    def wants(self, index: int, pts_seconds: float) -> bool:
        return index % self.every == 0 and self.left != 0

    def push(self, item: Item, index: int, pts_seconds: float) -> list[list[Item]]:
        if self.left is not None:
            self.left -= 1
            self.done = self.left == 0
        return [[item]]


class _Rate(OnlineSampler[Item]):
    def __init__(self, fps: float, max_frames: int | None):
        self.fps, self.max_frames, self.tick = fps, max_frames, 0
        self.start: float | None = None

    def _due(self, pts_seconds: float) -> int:
        elapsed = 0.0 if self.start is None else pts_seconds - self.start
        return int(np.floor((elapsed + TICK_TOLERANCE) * self.fps)) + 1

    def wants(self, index: int, pts_seconds: float) -> bool:
        return not self.done and self._due(pts_seconds) > self.tick

    def push(self, item: Item, index: int, pts_seconds: float) -> list[list[Item]]:
        count = self._due(pts_seconds) - self.tick
        if self.start is None:
            self.start = pts_seconds
        if self.max_frames is not None:
            count = min(count, self.max_frames - self.tick)
        self.tick += count
        self.done = self.tick == self.max_frames
        return [[item]] * count


class _Clips(OnlineSampler[Item]):
    """Segments (stride = length, short last one kept) and windows (whole ones only)."""

    def __init__(self, length: int, stride: int, policy: str, keep_short: bool, limit: int | None):
        self.length, self.stride, self.policy = length, stride, policy
        self.keep_short, self.limit = keep_short, limit
        self.buffer: list[Item] = []
        self.skip = self.count = 0

    def push(self, item: Item, index: int, pts_seconds: float) -> list[list[Item]]:
        if self.skip:
            self.skip -= 1
            return []
        self.buffer.append(item)
        if len(self.buffer) < self.length:
            return []
        clip, self.buffer = self.buffer, self.buffer[self.stride :]
        self.count += 1
        self.done = self.count == self.limit
        self.skip = max(self.stride - self.length, 0)
        return [clip]

    def finish(self) -> list[list[Item]]:
        if self.done or not self.buffer or (self.count and not self.keep_short):
            return []
        chosen = fill(np.arange(len(self.buffer)), self.length, self.policy)
        return [[self.buffer[i] for i in chosen]]


class IndexSampler(OnlineSampler[Item]):
    """Hands out the frames of a sorted list of indices, as often as each is listed."""

    def __init__(self, indices: Sequence[int] | np.ndarray):
        self.counts = Counter(np.asarray(indices).tolist())
        self.last = max(self.counts)

    def wants(self, index: int, pts_seconds: float) -> bool:
        return index in self.counts

    def push(self, item: Item, index: int, pts_seconds: float) -> list[list[Item]]:
        self.done = index == self.last
        return [[item]] * self.counts[index]


class WholeVideo(OnlineSampler[Item]):
    """Wants every frame of the first `seconds` and, when the last has been seen, chooses among them."""

    whole = True

    def __init__(self, spec: specs.Uniform | specs.Adaptive):
        self.spec = spec

    def wants(self, index: int, pts_seconds: float) -> bool:
        self.done = self.done or not (index == 0 or within(pts_seconds, self.spec.seconds))
        return not self.done

    def push(self, item: Item, index: int, pts_seconds: float) -> list[list[Item]]:
        return []

    def choose(self, count: int, motion: np.ndarray | None = None) -> np.ndarray:
        """Indices int64 [T], not decreasing, of `count` >= 1 wanted frames; `motion` as for `adaptive`."""
        if isinstance(self.spec, specs.Uniform):
            return uniform(count, self.spec.frames, self.spec.policy)
        if motion is None:
            raise ValueError("adaptive sampling needs the motion between the frames")
        return adaptive(motion, count, frames=self.spec.frames, stretches=self.spec.stretches)


def online_sampler(spec: specs.Sampling, total: int | None = None) -> OnlineSampler:
    """The online form of a sampling.

    total: the frames of the video, or of its first `spec.seconds`, where known; `uniform` then keeps none.
    """
    match spec:
        case specs.Uniform() if total is not None:
            return IndexSampler(uniform(total, spec.frames, spec.policy))
        case specs.Uniform() | specs.Adaptive():
            return WholeVideo(spec)
        case specs.FirstN():
            return _First(spec.frames, spec.policy)
        case specs.Jump():
            return _Jump(spec.every, spec.max_frames)
        case specs.Rate():
            return _Rate(spec.fps, spec.max_frames)
        case specs.Segments():
            return _Clips(spec.length, spec.length, spec.policy, True, spec.max_segments)
        case specs.Windows():
            return _Clips(spec.length, spec.stride, spec.policy, False, None)
