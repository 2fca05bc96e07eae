"""Scores of steps -> segments: a running mean, two thresholds, a gap that is bridged, a shortest duration.

Per class, all of it in the order of time, so that a camera's steps give the same segments as a file's:

    m_t     the mean of the scores of the last `window` seconds (around t, where the model sees both
    directions) opens   at the first step with m_t >= on; it goes on while m_t >= off
    ends    where m_t < off for more than `gap` seconds, at the last step that was on
    counts  once it has lasted `hold` seconds: then it is reported, not before
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ..types import Segment

# The end of a segment whose steps are all at one time, as where a source is slower than the sampling.
CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Smoothing:
    """Thresholds `on` and `off` float64 [C]; `window`, `gap` and `hold` in seconds, for all classes alike."""

    on: np.ndarray
    off: np.ndarray
    window: float = 0.0
    gap: float = 0.0
    hold: float = 0.0

    @classmethod
    def plain(cls, classes: int) -> Self:
        """Every step above one half, as it is."""
        return cls(np.full(classes, 0.5), np.full(classes, 0.5))

    def to_tensors(self) -> dict[str, Tensor]:
        """The whole state, ready for safetensors."""
        seconds = np.array([self.window, self.gap, self.hold])
        return {"on": torch.tensor(self.on), "off": torch.tensor(self.off), "seconds": torch.tensor(seconds)}

    @classmethod
    def from_tensors(cls, state: Mapping[str, Tensor], classes: int) -> Self:
        """The inverse of `to_tensors`. Raises ValueError where names or shapes are others."""
        shapes = {"on": (classes,), "off": (classes,), "seconds": (3,)}
        if {name: tuple(value.shape) for name, value in state.items()} != shapes:
            raise ValueError(f"these are not the thresholds of {classes} classes")
        window, gap, hold = state["seconds"].tolist()
        return cls(state["on"].numpy(), state["off"].numpy(), window, gap, hold)


@dataclass(frozen=True, slots=True)
class Found:
    """A segment and the time in seconds at which a one-way model knows of it, and of its end."""

    segment: Segment
    reported: float
    closed: float


def running_mean(scores: np.ndarray, times: np.ndarray, seconds: float, *, both: bool) -> np.ndarray:
    """The mean of scores [T, C] over the steps of the last `seconds`, or with `both` of those around."""
    if seconds <= 0:
        return scores
    half = seconds / 2 if both else 0.0
    first = np.searchsorted(times, times - (half or seconds) - CLOSE)
    stop = np.searchsorted(times, times + half + CLOSE, side="right")
    sums = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, axis=0, dtype=np.float64)])
    return (sums[stop] - sums[first]) / (stop - first)[:, None]


def find_segments(
    scores: np.ndarray, times: np.ndarray, smoothing: Smoothing, labels: Sequence[str], *, both: bool
) -> list[Found]:
    """The segments in scores float [T, C] of steps at `times` float64 [T], in order of their starts.

    A step lasts until the next one. A segment's score is the mean of its steps' scores.
    """
    if not len(times):
        return []
    smooth = running_mean(scores, times, smoothing.window, both=both)
    edges = np.append(times, times[-1] + step_seconds(times))
    found = []
    for label, name in enumerate(labels):
        spans = class_spans(smooth[:, label], edges, smoothing, label)
        on = smooth[:, label] >= smoothing.off[label]
        found += [_found(span, scores[:, label], on, edges, smoothing, name) for span in spans]
    return sorted(found, key=lambda one: (one.segment.start_seconds, one.segment.label))


def class_spans(
    smooth: np.ndarray, edges: np.ndarray, smoothing: Smoothing, label: int
) -> list[tuple[int, int]]:
    """Half-open ranges of steps of one class; `smooth` [T] is its running mean, `edges` [T + 1] seconds."""
    runs = _runs(smooth >= smoothing.off[label])
    opening = smooth >= smoothing.on[label]
    spans: list[tuple[int, int]] = []
    for first, stop in runs:
        near = bool(spans) and edges[first] - edges[spans[-1][1]] <= smoothing.gap + CLOSE
        if near:
            spans[-1] = (spans[-1][0], stop)
        elif opening[first:stop].any():
            spans.append((first + int(opening[first:stop].argmax()), stop))
    return [(a, b) for a, b in spans if edges[b - 1] - edges[a] >= smoothing.hold - CLOSE]


def _runs(on: np.ndarray) -> list[tuple[int, int]]:
    """Half-open ranges in which `on` bool [T] is true."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(np.int8)))
    return list(zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True))


def _found(
    span: tuple[int, int],
    scores: np.ndarray,
    on: np.ndarray,
    edges: np.ndarray,
    smoothing: Smoothing,
    name: str,
) -> Found:
    first, stop = span
    start, end = float(edges[first]), float(edges[stop])
    segment = Segment(name, start, max(end, start + CLOSE), float(scores[first:stop].mean()))
    # The first step that is on once it has lasted long enough: a bridged gap says nothing.
    sure = on[first:stop] & (edges[first:stop] >= edges[first] + smoothing.hold - CLOSE)
    return Found(segment, float(edges[first + int(sure.argmax())]), end + smoothing.gap)


def step_seconds(times: np.ndarray) -> float:
    """How long the steps last: the median distance of their times, 1 where there is one time alone."""
    distances = np.diff(times)
    distances = distances[distances > 0]
    return float(np.median(distances)) if len(distances) else 1.0
