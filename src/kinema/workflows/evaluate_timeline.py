"""A recogniser of timelines on the test files, beside the baselines."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..datasets.timeline import TimelineSet
from ..evaluation.timeline import (
    BACKGROUND,
    TimelineAnswer,
    always_background,
    plain_metrics,
    timeline_metrics,
)
from ..extraction.extracted import Extracted
from ..features.stored import read_sequence
from ..model.smoothing import step_seconds
from ..model.timeline import TimelineRecognizer
from ..types import VideoRecord
from .timeline_items import timeline_items
from .window_baseline import WindowBaseline

SHOWN = (
    "accuracy",
    "f1_10",
    "f1_25",
    "f1_50",
    "edit",
    "map_frame",
    "map_tiou",
    "false_alarms_per_hour",
    "missed",
)


def timeline_answers(
    model: TimelineRecognizer, dataset: TimelineSet, records: Sequence[VideoRecord], extracted: Extracted
) -> list[TimelineAnswer]:
    """What the model finds in files whose features are in the store."""
    named = [(r, i) for r in records for i in timeline_items(dataset, [r], extracted, border=0.0)]
    answers = []
    for record, item in named:
        scores = model.step_scores(read_sequence(item.path))
        found = model.segments(scores, item.times, dataset.labels)
        seconds = float(item.times[-1]) + step_seconds(item.times)
        answers.append(
            TimelineAnswer(
                record.name,
                item.truth,
                tuple(found),
                _on(item.truth, item.times, dataset.labels),
                item.times,
                seconds,
                scores,
                record.group or record.name,
                one_way=not model.both,
            )
        )
    return answers


def _on(truth: Sequence[Any], times: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    middles = times + step_seconds(times) / 2
    on = np.zeros((len(times), len(labels)), bool)
    for segment in truth:
        inside = (middles >= segment.start_seconds) & (middles < segment.end_seconds)
        on[inside, labels.index(segment.label)] = True
    return on


def evaluate_timeline(
    model: TimelineRecognizer, dataset: TimelineSet, extracted: Extracted
) -> tuple[list[TimelineAnswer], dict[str, Any]]:
    """Answers for the test files, and metrics.json's content, the baselines under `baselines`."""
    records = [r for r in dataset.part("test") if len(_times(extracted, r))]
    answers = timeline_answers(model, dataset, records, extracted)
    metrics = timeline_metrics(answers, dataset.labels) | {"split": dataset.split_source}
    nothing = plain_metrics(always_background(answers), dataset.labels)
    metrics |= {"majority_baseline": nothing["accuracy"], "majority_class": BACKGROUND}
    metrics["baselines"] = {"always background": _shown(nothing)}
    if len(dataset.labels) > 1 and dataset.part("train"):
        metrics["baselines"] |= _windows(model, answers, records, dataset, extracted)
    return answers, metrics


def _windows(
    model: TimelineRecognizer,
    answers: Sequence[TimelineAnswer],
    records: Sequence[VideoRecord],
    dataset: TimelineSet,
    extracted: Extracted,
) -> dict[str, Any]:
    baseline = WindowBaseline(dataset, extracted, model.recipe)
    trained = [r for r in dataset.part("train") if len(_times(extracted, r))]
    least = baseline.least_score(timeline_answers(model, dataset, trained, extracted), trained)
    rows = {"sliding windows": 0.0, "sliding windows, the unsure left out": least}
    return {
        name: _shown(plain_metrics(baseline.answers(answers, records, value), dataset.labels))
        for name, value in rows.items()
    }


def _times(extracted: Extracted, record: VideoRecord) -> np.ndarray:
    return extracted.sequence(record, next(iter(extracted.streams))).pts_seconds


def _shown(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: metrics[key] for key in (*SHOWN, "delay_seconds")}
