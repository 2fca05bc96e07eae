"""The moments that decided: of each stretch, the window that is surest of its label, as frames."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..inference.answers import timeline_facts
from ..report.data import FilmStrip
from ..types import Prediction

MOST, FRAMES = 12, 4


def moments(windows: Sequence[Prediction], segments: Sequence[Prediction]) -> list[Prediction]:
    """The surest window of each segment, in order of time; of many segments those with the best scores."""
    found = []
    for segment in segments:
        row = segment.labels.index(segment.label)
        inside = [w for w in windows if _middle(segment, w)] or [segment]
        found.append(max(inside, key=lambda w: float(w.scores[row])))
    best = sorted(found, key=lambda w: -w.score)[:MOST]
    return sorted(best, key=lambda w: w.start_seconds or 0.0)


def frame_times(chosen: Sequence[Prediction]) -> list[list[float]]:
    """For each moment the times of its frames: the middles of equal parts."""
    return [
        [start + (i + 0.5) / FRAMES * (end - start) for i in range(FRAMES)]
        for start, end in ((w.start_seconds or 0.0, w.end_seconds or 0.0) for w in chosen)
    ]


def moment_facts(chosen: Sequence[Prediction], draw: Callable[[list[float]], FilmStrip]) -> dict[str, Any]:
    """Moments and one picture with the frames of all of them; `frames` of a moment are places in it, from 0.

    `draw` makes a film strip of ascending times. The picture is a JPEG in base64, `columns` frames wide.
    """
    times, places = ascending(frame_times(chosen))
    strip = draw(times)
    rows = [
        facts | {"frames": places[i * FRAMES : (i + 1) * FRAMES]}
        for i, facts in enumerate(timeline_facts(chosen))
    ]
    picture = {
        "jpeg": base64.b64encode(strip.image).decode("ascii"),
        "width": strip.width,
        "height": strip.height,
        "columns": len(strip.pts_seconds),
    }
    return {"moments": rows, "strip": picture}


def ascending(times: Sequence[Sequence[float]]) -> tuple[list[float], list[int]]:
    """All times in ascending order, and for each of them, as given, its place in it."""
    flat = np.array([time for group in times for time in group])
    order = flat.argsort(kind="stable")
    places = np.empty(len(flat), int)
    places[order] = np.arange(len(flat))
    return flat[order].tolist(), places.tolist()


def _middle(segment: Prediction, window: Prediction) -> bool:
    """Whether the middle of a window lies in a segment."""
    middle = ((window.start_seconds or 0.0) + (window.end_seconds or 0.0)) / 2
    return (segment.start_seconds or 0.0) <= middle <= (segment.end_seconds or 0.0)
