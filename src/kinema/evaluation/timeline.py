"""The figures of timelines: steps, segments, order, detection, delay; with intervals over files.

frame accuracy    steps whose set of classes is exactly right; with one class at a time the field's frame
accuracy map_frame         mean over classes of the average precision of all steps
f1_10, 25, 50     segmental F1 at an overlap in time (Lea et al. 2017, arXiv:1611.05267)
edit              1 - Levenshtein distance of the sequences of labels / the longer one's length, mean over
files
map_tiou          mean over overlaps 0.3 to 0.7 of the mean average precision of segments, by their scores
delay             seconds from a true start to the report of a segment that overlaps it, of one-way models
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ..model.matching import f1, match
from ..model.smoothing import Found
from ..types import Segment

OVERLAPS = (0.1, 0.25, 0.5)
TIOUS = (0.3, 0.4, 0.5, 0.6, 0.7)
DRAWS, DRAWS_OF_STEPS, FEWEST = 1000, 100, 5  # bootstrap draws; with fewer files there is no interval
BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class TimelineAnswer:
    """One file: what is true, what was found, scores [T, C] of its steps, and which are on, bool [T, C].

    `unit` is its group or the file itself; `seconds` how long it lasts. `scores` is None for what gives
    segments alone.
    """

    name: str
    true: tuple[Segment, ...]
    found: tuple[Found, ...]
    on: np.ndarray
    times: np.ndarray
    seconds: float
    scores: np.ndarray | None = None
    unit: str = ""
    one_way: bool = field(default=False)


Figure = Callable[[Sequence[TimelineAnswer]], float | None]


def timeline_metrics(answers: Sequence[TimelineAnswer], labels: Sequence[str]) -> dict[str, Any]:
    """All figures of metrics.json, shares from 0 to 1, seconds, and false alarms an hour, with intervals."""
    found = plain_metrics(answers, labels)
    found["ci95_of"] = _intervals(answers, labels)
    found["ci95"] = found["ci95_of"]["accuracy"]
    found["per_class"] = [_class(answers, label) for label in labels]
    found["n_test"], found["hours"] = len(answers), sum(a.seconds for a in answers) / 3600
    return found


def plain_metrics(answers: Sequence[TimelineAnswer], labels: Sequence[str]) -> dict[str, Any]:
    """The figures alone, without intervals and classes."""
    found: dict[str, Any] = {"accuracy": frame_accuracy(answers, labels), "edit": mean_edit(answers)}
    for overlap in OVERLAPS:
        found[f"f1_{round(100 * overlap)}"] = segmental_f1(answers, labels, overlap)
    found["map_frame"] = frame_map(answers)
    by_tiou = {f"{tiou:g}": segment_map(answers, labels, tiou) for tiou in TIOUS}
    found["map_tiou_by"] = by_tiou
    found["map_tiou"] = float(np.mean(list(by_tiou.values())))
    return found | delays(answers, labels)


def _intervals(answers: Sequence[TimelineAnswer], labels: Sequence[str]) -> dict[str, list[float] | None]:
    figures: dict[str, tuple[Figure, int]] = {
        "accuracy": (partial(frame_accuracy, labels=labels), DRAWS),
        **{
            f"f1_{round(100 * overlap)}": (partial(segmental_f1, labels=labels, overlap=overlap), DRAWS)
            for overlap in OVERLAPS
        },
        "edit": (mean_edit, DRAWS),
        "map_frame": (frame_map, DRAWS_OF_STEPS),
        "map_tiou": (partial(_mean_map, labels=labels), DRAWS_OF_STEPS),
    }
    return {name: interval(answers, figure, draws) for name, (figure, draws) in figures.items()}


def frame_accuracy(answers: Sequence[TimelineAnswer], labels: Sequence[str]) -> float:
    """The share of steps whose classes are all right."""
    hits = [(said(a.found, a.times, labels) == a.on).all(1) for a in answers]
    return float(np.concatenate(hits).mean()) if hits else 1.0


def said(found: Sequence[Found], times: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Which classes are on at each step by segments, bool [T, C]; a step counts by its beginning."""
    on = np.zeros((len(times), len(labels)), bool)
    for one in found:
        segment = one.segment
        inside = (times >= segment.start_seconds - 1e-9) & (times < segment.end_seconds - 1e-9)
        on[inside, labels.index(segment.label)] = True
    return on


def segmental_f1(answers: Sequence[TimelineAnswer], labels: Sequence[str], overlap: float) -> float:
    """F1 of segments of all classes and files together."""
    counts = np.sum([_counts(a, label, overlap) for a in answers for label in labels], axis=0)
    return f1(*np.atleast_1d(counts).tolist()) if answers else 1.0


def _counts(answer: TimelineAnswer, label: str, overlap: float) -> np.ndarray:
    found, true = _spans([f.segment for f in answer.found], label), _spans(answer.true, label)
    hits = sum(one is not None for one in match(found, true, overlap))
    return np.array([hits, len(found), len(true)])


def _spans(segments: Sequence[Segment], label: str) -> list[tuple[float, float]]:
    return [(s.start_seconds, s.end_seconds) for s in segments if s.label == label]


def mean_edit(answers: Sequence[TimelineAnswer]) -> float:
    """The edit score, a mean over files; 1 for a file without segments in which none was found."""
    scores = [
        edit_score([f.segment.label for f in a.found], [s.label for s in a.true]) for a in answers
    ]  # fmt: skip
    return float(np.mean(scores)) if scores else 1.0


def edit_score(found: Sequence[str], true: Sequence[str]) -> float:
    """1 - the Levenshtein distance over the length of the longer sequence.

    >>> edit_score("abc", "abc"), edit_score("ac", "abc"), edit_score("", "ab")
    (1.0, 0.6666666666666667, 0.0)
    """
    row = list(range(len(true) + 1))
    for i, said_label in enumerate(found, start=1):
        diagonal, row[0] = row[0], i
        for j, label in enumerate(true, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (said_label != label))
    longer = max(len(found), len(true))
    return 1.0 - row[-1] / longer if longer else 1.0


def frame_map(answers: Sequence[TimelineAnswer]) -> float | None:
    """The mean over the classes that occur of the average precision of all steps; None without scores."""
    if not answers or any(a.scores is None for a in answers):
        return None
    scores = np.concatenate([a.scores for a in answers if a.scores is not None])
    on = np.concatenate([a.on for a in answers])
    each = [average_precision(on[:, c], scores[:, c], int(on[:, c].sum())) for c in range(on.shape[1])]
    known = [value for value in each if value is not None]
    return float(np.mean(known)) if known else None


def average_precision(hits: np.ndarray, scores: np.ndarray, positives: int) -> float | None:
    """The sum of precision times the rise of recall, over thresholds at each different score.

    hits: bool [N], whether each candidate is right; `positives` how many there are to find; None for none.
    """
    if not positives:
        return None
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(hits[order])
    last = np.append(np.diff(scores[order]) != 0, True) if len(scores) else np.zeros(0, bool)
    precision = (right / np.arange(1, len(right) + 1))[last]
    recall = right[last] / positives
    return float((np.diff(np.concatenate([[0.0], recall])) * precision).sum())


def segment_map(answers: Sequence[TimelineAnswer], labels: Sequence[str], tiou: float) -> float:
    """Mean average precision of segments: in the order of their scores, each true one is found once."""
    values = [value for label in labels if (value := _segment_ap(answers, label, tiou)) is not None]
    return float(np.mean(values)) if values else 0.0


def _segment_ap(answers: Sequence[TimelineAnswer], label: str, tiou: float) -> float | None:
    hits: list[bool] = []
    scores: list[float] = []
    for answer in answers:
        own = sorted(
            (f.segment for f in answer.found if f.segment.label == label), key=lambda s: -(s.score or 0.0)
        )  # fmt: skip
        matched = match(_spans(own, label), _spans(answer.true, label), tiou)
        hits += [one is not None for one in matched]
        scores += [s.score or 0.0 for s in own]
    positives = sum(len(_spans(a.true, label)) for a in answers)
    return average_precision(np.array(hits, bool), np.array(scores), positives)


def _mean_map(answers: Sequence[TimelineAnswer], labels: Sequence[str]) -> float:
    return float(np.mean([segment_map(answers, labels, tiou) for tiou in TIOUS]))


def delays(answers: Sequence[TimelineAnswer], labels: Sequence[str]) -> dict[str, Any]:
    """`delay_seconds`, mean and median, of starts; `end_delay_seconds`, the mean of ends; `missed`, the share
    of true segments that nothing reported; `false_alarms_per_hour`, reports that overlap no true segment.

    Delays are None for models that need what comes.
    """
    starts, ends, alarms, missed, true = [], [], 0, 0, 0
    for answer in answers:
        for label in labels:
            found = [f for f in answer.found if f.segment.label == label]
            spans = [s for s in answer.true if s.label == label]
            alarms += sum(not any(f.segment.overlap(s) for s in spans) for f in found)
            true += len(spans)
            for span in spans:
                own = [f for f in found if f.segment.overlap(span)]
                if not own:
                    missed += 1
                    continue
                starts.append(max(0.0, own[0].reported - span.start_seconds))
                ends.append(max(0.0, own[-1].closed - span.end_seconds))
    hours = sum(a.seconds for a in answers) / 3600
    live = bool(starts) and all(a.one_way for a in answers)
    return {
        "delay_seconds": {"mean": float(np.mean(starts)), "median": float(np.median(starts))}
        if live
        else None,
        "end_delay_seconds": float(np.mean(ends)) if live else None,
        "missed": missed / true if true else 0.0,
        "false_alarms_per_hour": alarms / hours if hours else 0.0,
    }


def interval(
    answers: Sequence[TimelineAnswer],
    figure: Figure,
    draws: int = DRAWS,
) -> list[float] | None:
    """The 95 % interval of a figure by drawing whole units (groups, files) anew; None for fewer than five."""
    units: dict[str, list[TimelineAnswer]] = {}
    for answer in answers:
        units.setdefault(answer.unit or answer.name, []).append(answer)
    if len(units) < FEWEST:
        return None
    own, random = list(units.values()), np.random.default_rng(0)
    drawn = (
        figure([a for i in random.integers(0, len(own), len(own)) for a in own[i]]) for _ in range(draws)
    )
    values = [value for value in drawn if value is not None]
    return [float(v) for v in np.percentile(values, [2.5, 97.5])] if values else None


def _class(answers: Sequence[TimelineAnswer], label: str) -> dict[str, Any]:
    counts = np.sum([_counts(a, label, 0.5) for a in answers], axis=0) if answers else np.zeros(3, int)
    hits, found, true = counts.tolist()
    return {
        "label": label,
        "support": true,
        "found": found,
        "precision": hits / found if found else None,
        "recall": hits / true if true else None,
        "f1": f1(hits, found, true),
    }


def always_background(answers: Sequence[TimelineAnswer]) -> list[TimelineAnswer]:
    """The answer that needs no model: nothing happens."""
    return [
        TimelineAnswer(a.name, a.true, (), a.on, a.times, a.seconds, np.zeros(a.on.shape), a.unit)
        for a in answers
    ]
