"""Which moments decided, and where their frames lie in the one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kinema.inference.segments import segments
from kinema.report.data import FilmStrip
from kinema.serve.moments import FRAMES, MOST, moment_facts, moments
from kinema.types import Prediction

LABELS = ("bow", "wave")


def along(*scores: float) -> list[Prediction]:
    """Windows of 2 s every second; the score is that of bow."""
    return [
        Prediction(Path(), LABELS, np.float32([score, 1 - score]), float(i), i + 2.0)
        for i, score in enumerate(scores)
    ]


def test_the_surest_window_of_each_segment() -> None:
    windows = along(0.9, 0.99, 0.8, 0.2, 0.1, 0.3)
    chosen = moments(windows, segments(windows))
    assert [(w.start_seconds, w.label) for w in chosen] == [(1.0, "bow"), (4.0, "wave")]


def test_of_many_segments_the_best_in_order_of_time() -> None:
    windows = along(*(0.6 + 0.01 * i if i % 2 else 0.4 for i in range(30)))
    chosen = moments(windows, segments(windows))
    starts = [w.start_seconds for w in chosen]
    assert len(chosen) == MOST
    assert starts == sorted(starts)
    assert 29.0 in starts


def test_frames_of_overlapping_moments_are_found_again() -> None:
    """Each place of the picture shows the time that was asked for it."""
    asked: list[float] = []

    def draw(times: list[float]) -> FilmStrip:
        asked.extend(times)
        return FilmStrip(b"", tuple(times), 10, 10)

    windows = along(0.9, 0.1)
    facts = moment_facts(moments(windows, segments(windows)), draw)
    assert asked == sorted(asked)
    assert len(asked) == 2 * FRAMES == facts["strip"]["columns"]
    for moment in facts["moments"]:
        times = [asked[at] for at in moment["frames"]]
        assert times == [moment["start"] + part for part in (0.25, 0.75, 1.25, 1.75)]
