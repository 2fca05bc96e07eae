"""Alarms by hand: one for each stretch above the threshold, none before enough was seen."""

from __future__ import annotations

import numpy as np
import torch

from kinema.anomaly.detector import Verdict
from kinema.inference.anomaly import LoadedDetector
from kinema.live.detector import LiveDetector, Watched
from kinema.types import FeatureSequence
from support.live import CLIP, GRU, untrained


class Scripted:
    """A detector whose errors are given, one a reading; the threshold is 1."""

    seconds = 0.4

    def __init__(self, errors: list[float]):
        self.errors, self.seen = iter(errors), []

    def error(self, embedding: torch.Tensor) -> float:
        self.seen.append(embedding.numpy())
        return next(self.errors)

    def judged(self, error: float) -> Verdict:
        return Verdict(error, 1.0, 50.0)


def watched(errors: list[float], smoothing: float = 0.0) -> tuple[list[Watched], Scripted]:
    """A verdict every 0.08 s: windows of three frames, two apart."""
    detector = Scripted(errors)
    loaded = LoadedDetector(detector, untrained({"rgb": CLIP}))  # type: ignore[arg-type]
    live, found = LiveDetector(loaded, rule="never", smoothing_seconds=smoothing), []
    pictures = np.random.default_rng(0).integers(0, 255, (1 + 2 * len(errors), 48, 64, 3), dtype=np.uint8)
    for number, picture in enumerate(pictures):
        found += live.feed(picture, number / 25)
    assert len(found) == len(errors)
    return found, detector


def test_one_alarm_a_stretch_with_hysteresis() -> None:
    """It stands down to nine tenths of the threshold."""
    found, _ = watched([0, 0, 0, 0, 0, 0, 2, 2, 0.95, 2, 0.89, 0.95, 2, 0])
    assert [w.alarm for w in found] == [None] * 6 + [1] * 4 + [None, None, 2, None]
    assert [w.raised for w in found] == [i in (6, 12) for i in range(14)]


def test_none_is_raised_before_the_horizon_was_seen() -> None:
    found, _ = watched([5.0] * 8)
    first = next(w for w in found if w.raised)
    assert first.seconds - first.start_seconds >= 0.4 - 0.08
    assert sum(w.raised for w in found) == 1
    assert found[0].alarm is None


def test_one_wild_verdict_raises_none_where_errors_are_smoothed() -> None:
    errors = [0.5] * 8 + [1.5] + [0.5] * 5
    assert any(w.raised for w in watched(errors)[0])
    assert not any(w.raised for w in watched(errors, smoothing=0.5)[0])


def test_the_embedding_is_that_of_the_steps() -> None:
    found, detector = watched([0.0] * 6)
    run = untrained({"rgb": CLIP}, GRU)
    pictures = np.random.default_rng(0).integers(0, 255, (13, 48, 64, 3), dtype=np.uint8)
    from kinema.media.video import GivenFrames

    offline = run.features(GivenFrames([(i / 25, p) for i, p in enumerate(pictures)]))["rgb"]
    for one, embedding in zip(found, detector.seen, strict=True):
        _, stop = 0, found.index(one) + 1
        steps = FeatureSequence(offline.data[:stop], offline.pts_seconds[:stop])
        np.testing.assert_allclose(embedding, run.sequences.embed({"rgb": steps}), atol=1e-5)
