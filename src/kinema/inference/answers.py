"""Predictions and verdicts as the plain data that `--json` prints and the server answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..types import Prediction, Segment

if TYPE_CHECKING:
    from ..anomaly.detector import Verdict

TOP = 3


def prediction_facts(
    prediction: Prediction, top: int | None = None, min_score: float | None = None
) -> dict[str, Any]:
    """Label, score and the `top` best (3 unless told); with `min_score`, whether the label is unknown."""
    best = [{"label": label, "score": score} for label, score in prediction.top(top or TOP)]
    facts: dict[str, Any] = {"label": prediction.label, "score": prediction.score, "top": best}
    if min_score is not None:
        unknown = prediction.score < min_score
        facts |= {"label": None if unknown else prediction.label, "unknown": unknown}
    return facts


def timeline_facts(
    parts: Iterable[Prediction], top: int | None = None, min_score: float | None = None
) -> list[dict[str, Any]]:
    """Segments or windows: `prediction_facts` with start and end in seconds."""
    return [
        {"start": p.start_seconds, "end": p.end_seconds, **prediction_facts(p, top, min_score)} for p in parts
    ]


def segment_facts(segments: Iterable[Segment], min_score: float | None = None) -> list[dict[str, Any]]:
    """Segments of a run that was taught them, without those of a lower score."""
    return [
        {"start": s.start_seconds, "end": s.end_seconds, "label": s.label, "score": s.score}
        for s in segments
        if (s.score or 0.0) >= (min_score or 0.0)
    ]


def verdict_facts(verdict: Verdict) -> dict[str, Any]:
    """An anomaly detector's verdict."""
    return asdict(verdict) | {"anomalous": verdict.anomalous}


def verdicts_facts(parts: Iterable[tuple[float, float, Verdict]]) -> list[dict[str, Any]]:
    """Verdicts on windows, with their start and end in seconds."""
    return [{"start": start, "end": end, **verdict_facts(verdict)} for start, end, verdict in parts]
