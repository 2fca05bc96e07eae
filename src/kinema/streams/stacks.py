"""Stacks of consecutive flow fields, channels x1 y1 x2 y2 ... (Simonyan and Zisserman 2014, equation 1)."""

from collections import deque

import numpy as np

from ..sampling.online import OnlineSampler
from ..types import Clip
from .fields import Field


class Stacker:
    """Fields in, stacks float32 [H, W, 2 * length] out, one from each chosen field on; holds few fields.

    A stack that would run over the end starts earlier; a video of fewer fields repeats its last one.
    """

    def __init__(self, sampler: OnlineSampler[int], length: int):
        self.sampler, self.length = sampler, length
        self._recent: deque[tuple[int, Field]] = deque()
        self._waiting: deque[tuple[int, float]] = deque()
        self._total = 0

    @property
    def done(self) -> bool:
        """Whether no later field can matter."""
        return self.sampler.done and not self._waiting

    def push(self, index: int, field: Field) -> list[Clip]:
        """Take the next field; returns the stacks that it completes."""
        self._total = index + 1
        self._recent.append((index, field))
        if not self.sampler.done and self.sampler.wants(index, field[0]):
            chosen = self.sampler.push(index, index, field[0])
            self._waiting.extend((items[0], field[0]) for items in chosen)
        clips = []
        while self._waiting and self._waiting[0][0] + self.length <= self._total:
            clips.append(self._stack(*self._waiting.popleft()))
        oldest = min(self._waiting[0][0] if self._waiting else self._total, self._total - self.length)
        while self._recent and self._recent[0][0] < oldest:
            self._recent.popleft()
        return clips

    def finish(self) -> list[Clip]:
        """The stacks that the end of the video completes."""
        last = self._recent[-1][1][0] if self._recent else 0.0
        self._waiting.extend((items[0], last) for items in self.sampler.finish())
        return [self._stack(stack_start(i, self._total, self.length), pts) for i, pts in self._waiting]

    def _stack(self, start: int, pts_seconds: float) -> Clip:
        chosen = [field for i, (_, field) in self._recent if start <= i < start + self.length]
        return Clip(pts_seconds, (stack_fields(chosen, self.length),))


def stack_fields(fields: list[np.ndarray], length: int) -> np.ndarray:
    """Fields float32 [H, W, 2] side by side as channels [H, W, 2 * length]; the last one repeated to fill."""
    return np.concatenate(fields + [fields[-1]] * (length - len(fields)), axis=2)


def stack_start(index: int, total: int, length: int) -> int:
    """Where the stack of a chosen field starts: earlier where it would run over the end."""
    return max(min(index, total - length), 0)
