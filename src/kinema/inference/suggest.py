"""What a run makes of one video for whoever labels it: segments to confirm, and stretches to look at."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..model.timeline import TimelineRecognizer
from ..types import FeatureSequence, Prediction, Segment
from .predictor import SequencePredictor
from .proposals import Stretch, stretches_of
from .segments import segments
from .timeline import segments_of


@dataclass(frozen=True, slots=True)
class Suggested:
    """Segments in order of their starts, and the whole video in stretches."""

    segments: tuple[Segment, ...]
    stretches: tuple[Stretch, ...]


def suggested(sequences: SequencePredictor, video: str, steps: FeatureSequence) -> Suggested:
    """By a run of `--task timeline`, from the steps of its stream."""
    model = sequences.model
    assert isinstance(model, TimelineRecognizer)
    scores = model.step_scores(steps)
    found = model.segments(scores, steps.pts_seconds, sequences.labels)
    return Suggested(tuple(one.segment for one in found), tuple(stretches_of(video, steps, scores)))


def suggested_by_windows(video: str, found: Iterable[tuple[Prediction, np.ndarray]]) -> Suggested:
    """By a run of clips, from its sliding windows and their embeddings float32 [E].

    Its classes are all that it knows, so there is no background: each moment is in a segment.
    """
    windows, vectors = [], []
    for window, vector in found:
        windows.append(window)
        vectors.append(vector)
    if not windows:
        return Suggested((), ())
    starts = np.array([window.start_seconds or 0.0 for window in windows])
    steps = FeatureSequence(np.stack(vectors).astype(np.float32), starts)
    scores = np.stack([window.scores for window in windows])
    return Suggested(tuple(segments_of(segments(windows))), tuple(stretches_of(video, steps, scores)))
