"""Sliding windows of video time over feature sequences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..types import FeatureSequence


def sliding_windows(
    features: Mapping[str, FeatureSequence], window_seconds: float, stride_seconds: float
) -> Iterator[tuple[float, float, dict[str, FeatureSequence]]]:
    """Yield (start, end, sequences) for windows [start, end) of time, one every `stride_seconds`.

    The last window ends at or after the last step; windows in which no stream has a step are left out.
    Raises ValueError unless window and stride are positive.
    """
    if window_seconds <= 0 or stride_seconds <= 0:
        raise ValueError("window and stride must be positive")
    last = max((s.pts_seconds[-1] for s in features.values() if s.present), default=0.0)
    count = max(int(np.ceil((last - window_seconds) / stride_seconds + 1e-9)), 0) + 1
    for start in np.arange(count) * stride_seconds:
        end = start + window_seconds
        part = {name: cut(sequence, start, end) for name, sequence in features.items()}
        if any(s.present for s in part.values()):
            yield float(start), float(end), part


def cut(sequence: FeatureSequence, start: float, end: float) -> FeatureSequence:
    """The steps whose time lies in [start, end)."""
    keep = (sequence.pts_seconds >= start) & (sequence.pts_seconds < end)
    return FeatureSequence(sequence.data[keep], sequence.pts_seconds[keep], present=bool(keep.any()))
