"""report.html and predictions.csv of a run that answers when."""

import csv
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..atomic import atomic_open
from ..errors import KinemaError
from ..evaluation.timeline import TimelineAnswer
from ..model.matching import match
from ..report.data import FilmStrip, ReportData, Sample, Span, Strips, Timelines, VideoTimeline
from ..report.film_strips import film_strip
from ..report.render import write_report
from ..report.timeline import figures_section, strips_section
from ..types import Segment
from .write_report import RunFacts, dataset_facts, run_report

MISSES = 12  # as film strips; of all true segments that nothing matches, and found ones that match nothing
FRAMES = 6
HIDDEN = ("per_class",)  # what the report of clips would show in its own way


def write_timeline_report(
    facts: RunFacts, answers: Sequence[TimelineAnswer], metrics: Mapping[str, Any]
) -> ReportData:
    """Write report.html and predictions.csv (the segments) into the folder; returns what the report shows."""
    _write_segments(facts, answers)
    misses = _worst(answers, facts.config.labels)
    data = run_report(
        facts,
        dataset=dataset_facts(facts, noun="segment"),
        metrics={key: value for key, value in metrics.items() if key not in HIDDEN},
        sections=(
            figures_section(metrics),
            strips_section(
                Timelines(facts.config.labels, [_strip(a, misses) for a in answers]),
                Strips("Worst misses", [_sample(facts, m) for m in misses.values()], _MISSES_NOTE),
            ),
        ),
    )
    write_report(facts.folder / "report.html", data)
    return data


_MISSES_NOTE = (
    "The longest true segments that no answer overlaps by half, and the longest answers that are not true."
)
Misses = dict[tuple[str, str, Segment], "_Miss"]


class _Miss:
    """A segment that is wrong: `made_up`, or true and not found."""

    def __init__(self, answer: TimelineAnswer, segment: Segment, *, made_up: bool):
        self.answer, self.segment, self.made_up = answer, segment, made_up
        self.anchor = ""


def _worst(answers: Sequence[TimelineAnswer], labels: Sequence[str]) -> Misses:
    found = [miss for answer in answers for label in labels for miss in _misses(answer, label)]
    found.sort(key=lambda miss: -miss.segment.seconds)
    for number, miss in enumerate(found[:MISSES], start=1):
        miss.anchor = f"miss-{number}"
    return {(m.answer.name, "answer" if m.made_up else "truth", m.segment): m for m in found[:MISSES]}


def _misses(answer: TimelineAnswer, label: str) -> list[_Miss]:
    said = [f.segment for f in answer.found if f.segment.label == label]
    true = [s for s in answer.true if s.label == label]
    spans = [[(s.start_seconds, s.end_seconds) for s in own] for own in (said, true)]
    matched = match(spans[0], spans[1], 0.5)
    missed = [_Miss(answer, s, made_up=False) for i, s in enumerate(true) if i not in matched]
    made_up = [_Miss(answer, s, made_up=True) for s, m in zip(said, matched, strict=True) if m is None]
    return missed + made_up


def _strip(answer: TimelineAnswer, misses: Misses) -> VideoTimeline:
    sides = {"truth": list(answer.true), "answer": [f.segment for f in answer.found]}
    tracks = tuple(
        (side, tuple(_span(s, misses.get((answer.name, side, s))) for s in sorted(own, key=_start)))
        for side, own in sides.items()
    )
    return VideoTimeline(answer.name, answer.seconds, tracks)


def _start(segment: Segment) -> float:
    return segment.start_seconds


def _span(segment: Segment, miss: "_Miss | None") -> Span:
    note = "" if segment.score is None else f"score {segment.score:.2f}"
    anchor = miss.anchor if miss else ""
    return Span(segment.label, segment.start_seconds, segment.end_seconds, note, anchor)


def _sample(facts: RunFacts, miss: _Miss) -> Sample:
    segment, name = miss.segment, miss.answer.name
    where = f"{segment.start_seconds:.1f} to {segment.end_seconds:.1f} s"
    said = _said_there(miss)
    if miss.made_up:
        truth, top = said or "background", ((segment.label, segment.score or 0.0),)
    else:
        truth, top = segment.label, ((said or "background", 1.0 - _mean_score(miss)),)
    return Sample(name, truth, top, _film(facts, miss), note=where, anchor=miss.anchor)


def _said_there(miss: _Miss) -> str:
    """What the other side has most of in this stretch; empty where it has nothing."""
    others = miss.answer.true if miss.made_up else [f.segment for f in miss.answer.found]
    best = max(others, key=miss.segment.overlap, default=None)
    if best is None or not best.overlap(miss.segment):
        return ""
    return best.label if best.label != miss.segment.label else f"{best.label}, elsewhere or longer"


def _mean_score(miss: _Miss) -> float:
    """The mean score of the missed class over its stretch."""
    answer, segment = miss.answer, miss.segment
    inside = (answer.times >= segment.start_seconds) & (answer.times < segment.end_seconds)
    if answer.scores is None or not inside.any():
        return 0.0
    on = answer.on[inside].any(0)
    return float(answer.scores[inside][:, on].max(1).mean()) if on.any() else 0.0


def _film(facts: RunFacts, miss: _Miss) -> FilmStrip | None:
    record = next(r for r in facts.dataset.records if r.name == miss.answer.name)
    edges = np.linspace(miss.segment.start_seconds, miss.segment.end_seconds, FRAMES + 2)[1:-1]
    try:
        return film_strip(record.path, edges.tolist())
    except KinemaError:
        return None


def _write_segments(facts: RunFacts, answers: Sequence[TimelineAnswer]) -> None:
    """predictions.csv: one row a segment that was found in a test file."""
    with atomic_open(facts.folder / "predictions.csv", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("name", "start", "end", "label", "score", "reported"))
        for answer in answers:
            for one in answer.found:
                s = one.segment
                times = (f"{s.start_seconds:.3f}", f"{s.end_seconds:.3f}")
                rows.writerow((answer.name, *times, s.label, f"{s.score:.6g}", f"{one.reported:.3f}"))
