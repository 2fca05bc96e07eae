"""A run of `--task timeline` on a stream: segments as they open, are reported, and close.

follower = LiveTimeline(kinema.load("run"))
for seconds, frame in camera:
    for moment in follower.feed(frame, seconds):
        print(moment.changes, moment.on)
"""

from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import torch

from ..errors import UsageError, WorkError
from ..inference.predictor import LoadedRun
from ..model.follow import Change, SegmentFollower
from ..model.timeline import TimelineRecognizer
from ..types import Segment
from .memory import Memory, Reading
from .model import LiveModel
from .plan import Plan, step_seconds
from .readers import Reader, StepReader
from .steps import Step

TOP = 3


@dataclass(frozen=True, slots=True)
class Moment:
    """One step: its `scores` float32 [C], the segments that it changes, and those reported and on."""

    seconds: float
    labels: tuple[str, ...] = field(repr=False)
    scores: np.ndarray = field(repr=False)
    changes: tuple[Change, ...]
    on: tuple[Segment, ...]

    @property
    def label(self) -> str | None:
        """What is on, `a + b` where it is several; None where nothing is."""
        return " + ".join(sorted(s.label for s in self.on)) or None

    @property
    def score(self) -> float:
        """The lowest score of what is on; where nothing is, the highest of all classes."""
        return min((s.score or 0.0 for s in self.on), default=float(self.scores.max()))

    def as_json(self, top: int = TOP) -> dict[str, Any]:
        """The moment as plain data."""
        order = (-self.scores).argsort(kind="stable")[:top]
        return {
            "seconds": round(self.seconds, 3),
            "label": self.label,
            "score": self.score,
            "segments": [_facts(s) for s in self.on],
            "top": [{"label": self.labels[i], "score": float(self.scores[i])} for i in order],
        }

    def json_lines(self, top: int = TOP) -> list[dict[str, Any]]:
        """A line for each change."""
        return [
            {"seconds": round(one.seconds, 3), "event": one.kind, **_facts(one.segment)}
            for one in self.changes
        ]

    def said(self) -> list[str]:
        """What people are told: segments that are reported, and those that are over."""
        return [
            f"{one.seconds:10.2f} s  {one.segment.label}  {_words(one)}  {one.segment.score:.3f}"
            for one in self.changes
            if one.kind in ("reported", "closed")
        ]

    def shown(self) -> tuple[str, float]:
        """What is drawn on a frame: the name of what is on, and its score."""
        return self.label or "", self.score


class LiveTimeline(LiveModel[Moment]):
    """`feed` it frames and sound, `close` it at the end; each returns the moments that are due.

    The state is carried for ever, as it was in training. Raises `UsageError` for a run that scores whole
    videos, or that sees both directions.
    """

    def __init__(self, run: LoadedRun):
        model = run.sequences.model
        if not isinstance(model, TimelineRecognizer):
            raise UsageError(f"run {run.folder} scores whole videos; train one with --task timeline")
        if model.both:
            raise UsageError(
                f"run {run.folder} sees what comes as well as what was, so it cannot go along with a stream;"
                " train one with --recipe timeline, or use `kinema predict --timeline` on files"
            )
        self._memory = StepScores(model)
        self._follower = SegmentFollower(model.smoothing, run.labels)
        super().__init__(run, Plan("never", 0.0, step_seconds(run), run.config.recipe.temporal.kind))

    def _opened(self) -> Reader:
        return StepReader(self.run, self._memory)

    def _reports(self, readings: list[Reading], ended: bool = False) -> list[Moment]:
        """One for each step, however many a frame has completed."""
        moments = []
        for seconds, steps in groupby(self._memory.drained(), key=itemgetter(0)):
            rows = [scores for _, scores in steps]
            changes = self._follower.push(np.stack(rows), seconds)
            moments += [self._moment(seconds, scores, []) for scores in rows[:-1]]
            moments.append(self._moment(seconds, rows[-1], changes))
        if ended and self._memory.last is not None:
            seconds, scores = self._memory.last
            moments.append(self._moment(seconds, scores, self._follower.finish()))
        return moments

    def _reported(self, reading: Reading, ended: bool) -> Moment:
        raise NotImplementedError("moments are of steps, not of readings")

    def _moment(self, seconds: float, scores: np.ndarray, changes: list[Change]) -> Moment:
        return Moment(seconds, self.labels, scores, tuple(changes), tuple(self._follower.reported))

    def _forget(self) -> None:
        self._follower = SegmentFollower(self._follower.smoothing, self.labels)


class StepScores(Memory):
    """The state of a one-way model, and the scores of the steps that nobody has taken yet."""

    def __init__(self, model: TimelineRecognizer):
        super().__init__(model, None)
        self._model = model
        self._state = model.initial_state(1)
        self._scores: list[tuple[float, np.ndarray]] = []
        self.last: tuple[float, np.ndarray] | None = None

    def take(self, name: str, step: Step) -> None:
        with torch.inference_mode():
            scores, self._state = self._model.step(torch.from_numpy(step.features)[None], self._state)
        found = scores[0].float().cpu().numpy()
        if not np.isfinite(found).all():
            raise WorkError("class scores are not finite; train the run again")
        self.counts[name] += 1
        self._scores.append((step.seconds, found))

    def drained(self) -> list[tuple[float, np.ndarray]]:
        """(seconds, scores float32 [C]) of the steps since the last call."""
        found, self._scores = self._scores, []
        if found:
            self.last = found[-1]
        return found

    def reading(self, seconds: float) -> Reading:
        return Reading(seconds, seconds, {}, {}, {})

    def forget(self) -> None:
        super().forget()
        self._state = self._model.initial_state(1)
        self._scores.clear()
        self.last = None


def _facts(segment: Segment) -> dict[str, Any]:
    return {
        "label": segment.label,
        "start": round(segment.start_seconds, 3),
        "end": round(segment.end_seconds, 3),
        "score": segment.score,
    }


def _words(change: Change) -> str:
    segment = change.segment
    if change.kind == "reported":
        return f"since {segment.start_seconds:.2f} s"
    return f"from {segment.start_seconds:.2f} to {segment.end_seconds:.2f} s"
