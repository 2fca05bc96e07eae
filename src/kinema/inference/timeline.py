"""A run that answers when: the segments of one video."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from ..errors import UsageError
from ..model.smoothing import Found, step_seconds
from ..model.timeline import TimelineRecognizer
from ..types import Prediction, Segment
from .predictor import LoadedRun
from .source import Source, path_of

DRAWN = 400


def is_timeline(run: LoadedRun) -> bool:
    """Whether a run scores steps that it learned from segments."""
    return isinstance(run.sequences.model, TimelineRecognizer)


def found_segments(run: LoadedRun, video: Source) -> list[Found]:
    """What happens when in one video, with the time at which a one-way model knows it.

    Raises `MediaError` where it cannot be read, `UsageError` for a run that scores whole videos.
    """
    model = run.sequences.model
    if not isinstance(model, TimelineRecognizer):
        raise UsageError(f"run {run.folder} scores whole videos; train one with --task timeline for segments")
    sequence = run.features(video)[model.stream]
    return model.segments(model.step_scores(sequence), sequence.pts_seconds, run.labels)


def curve(video: Source, scores: np.ndarray, times: np.ndarray, labels: tuple[str, ...]) -> list[Prediction]:
    """The scores [T, C] of the steps at `times` as stretches that can be drawn: means of at most 400."""
    if not len(times):
        return []
    edges = np.append(times, times[-1] + step_seconds(times))
    bounds = np.unique(np.linspace(0, len(times), min(DRAWN, len(times)) + 1).round().astype(int))
    return [
        Prediction(path_of(video), labels, scores[a:b].mean(0), float(edges[a]), float(edges[b]))
        for a, b in pairwise(bounds.tolist())
    ]


def stretches(video: Source, segments: Iterable[Segment]) -> list[Prediction]:
    """The segments as stretches that do not overlap, for what shows one answer at a time.

    Where several classes are on, the stretch is called after all of them, and has the lowest of their scores.
    """
    held = list(segments)
    edges = sorted({side for s in held for side in (s.start_seconds, s.end_seconds)})
    found = []
    for start, end in pairwise(edges):
        on = [s for s in held if s.start_seconds <= start and s.end_seconds >= end]
        if on:
            label, score = " + ".join(dict.fromkeys(s.label for s in on)), min(s.score or 0.0 for s in on)
            scores = np.array([score], np.float32)
            found.append(Prediction(path_of(video), (label,), scores, start, end))
    return found


def segments_of(predictions: Sequence[Prediction], least: float = 0.0) -> list[Segment]:
    """The segments that sliding windows were merged to, without those whose score is below `least`."""
    return [
        Segment(p.label, p.start_seconds or 0.0, p.end_seconds or 0.0, p.score)
        for p in predictions
        if p.score >= least
    ]
