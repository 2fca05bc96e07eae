"""Segments -> what is true of every step: soft at borders, which nobody marks to the frame."""

from collections.abc import Sequence

import numpy as np

from ..datasets.timeline import TimelineSet
from ..types import VideoRecord

Spans = Sequence[tuple[float, float]]


def step_targets(spans: Spans, middles: np.ndarray, border: float) -> np.ndarray:
    """How likely each moment in `middles` (seconds) is inside a span, float32 [T].

    A border lies anywhere within `border` seconds of where it was marked, each place as likely as another: so
    the target rises linearly over twice as long. A span that holds no step is given to the nearest one, so
    that it is not lost.
    """
    target = np.zeros(len(middles))
    for start, end in spans:
        target = np.maximum(target, _risen(middles - start, border) * _risen(end - middles, border))
        if not ((middles >= start) & (middles < end)).any():
            target[np.abs(middles - (start + end) / 2).argmin()] = 1.0
    return target.astype(np.float32)


def _risen(seconds: np.ndarray, border: float) -> np.ndarray:
    if border <= 0:
        return (seconds >= 0).astype(np.float64)
    return np.clip(0.5 + seconds / (2 * border), 0.0, 1.0)


def record_targets(
    dataset: TimelineSet, record: VideoRecord, times: np.ndarray, border: float, step: float
) -> np.ndarray:
    """Targets float32 [T, C] of a file's steps, which begin at `times` and last `step` seconds.

    Of several annotators, the mean: where they contradict each other, the target is between.
    """
    watchers, middles = dataset.watchers(record), times + step / 2
    found = np.zeros((len(times), len(dataset.labels)), np.float32)
    for column, label in enumerate(dataset.labels):
        for who in watchers:
            found[:, column] += step_targets(dataset.spans(record, label, who), middles, border)
    return found / len(watchers)
