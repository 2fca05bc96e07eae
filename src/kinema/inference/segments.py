"""Windows along a video, merged: neighbours of one label become one segment."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ..types import Prediction

# Windows whose starts are further apart than this many strides have a stretch without frames between them.
_NEIGHBOURS = 1.5


def segments(windows: Sequence[Prediction], min_score: float = 0.0) -> list[Prediction]:
    """One prediction a segment, in order, its scores the mean over its windows; segments do not overlap.

    windows: in order of their starts, as `LoadedRun.timeline` gives them. Where two neighbours have different
    labels, the segments meet in the middle of what both see. Windows whose best score is below `min_score`
    are of no label, and neighbours among them become one segment as well. Raises `ValueError` for predictions
    without times.
    """
    spans = [_span(window) for window in windows]
    starts = [start for start, _ in spans]
    stride = min((b - a for a, b in pairwise(starts)), default=0.0)
    bounds = [0, *_changes(windows, starts, stride, min_score), len(windows)] if windows else []
    found = []
    for first, stop in pairwise(bounds):
        start, end = spans[first][0], spans[stop - 1][1]
        if first and _near(starts, first, stride):
            start = (spans[first - 1][1] + start) / 2
        if stop < len(windows) and _near(starts, stop, stride):
            end = (end + spans[stop][0]) / 2
        scores = np.stack([w.scores for w in windows[first:stop]]).astype(np.float64)
        mean = np.asarray(scores.mean(axis=0), np.float32)
        found.append(replace(windows[first], scores=mean, start_seconds=start, end_seconds=end))
    return found


def _span(window: Prediction) -> tuple[float, float]:
    if window.start_seconds is None or window.end_seconds is None:
        raise ValueError("a window has a start and an end; take those of LoadedRun.timeline")
    return window.start_seconds, window.end_seconds


def _changes(
    windows: Sequence[Prediction], starts: Sequence[float], stride: float, min_score: float
) -> list[int]:
    """Numbers of the windows that begin a segment, without the first."""
    labels = [window.label if window.score >= min_score else None for window in windows]
    return [i for i in range(1, len(windows)) if labels[i] != labels[i - 1] or not _near(starts, i, stride)]


def _near(starts: Sequence[float], number: int, stride: float) -> bool:
    """Whether a window follows the one before it without a gap."""
    return starts[number] - starts[number - 1] <= _NEIGHBOURS * stride
