"""From scores at every step to an answer that does not flicker: smoothing with hysteresis, and `unknown`."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How answers follow the scores.

    seconds: time constant of the exponential average of the scores; 0 for none.
    margin: by how much another class must lead the answer before it takes its place.
    least: the smoothed score that an answer needs; below, the answer is unknown. An answer that stands is
    given up where it falls under `least` by half the margin. None answers always.
    """

    seconds: float = 0.25
    margin: float = 0.1
    least: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`label` is a class number, None for unknown; it stands `since` (seconds). `scores` float64 [C] are
    smoothed."""

    label: int | None
    since: float
    changed: bool
    scores: np.ndarray


class Average:
    """The exponential average of values over time, with a time constant of `seconds`; 0 for none."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing was seen."""
        self._values: np.ndarray | None = None
        self._last = 0.0

    def push(self, values: np.ndarray, seconds: float) -> np.ndarray:
        """Take the values of a moment; the average so far, float64 of their shape."""
        if self._values is None:
            self._values = values.astype(np.float64)
        else:
            elapsed = max(seconds - self._last, 0.0)
            share = 1 - math.exp(-elapsed / self.seconds) if self.seconds else 1.0
            self._values = self._values + share * (values - self._values)
        self._last = seconds
        return self._values


class Smoother:
    """The answer along one stream."""

    def __init__(self, rule: Smoothing):
        self.rule, self._average = rule, Average(rule.seconds)
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing was seen."""
        self._average.forget()
        self._since: float | None = None
        self._label: int | None = None

    def push(self, scores: np.ndarray, seconds: float, *, settled: bool = True) -> Answer:
        """Take the scores float [C] of a moment; `settled` is False where too little was seen to answer."""
        smoothed = self._average.push(scores, seconds)
        if self._since is None:
            self._since = seconds
        label = self._next(smoothed) if settled else None
        changed = label != self._label
        if changed:
            self._label, self._since = label, seconds
        return Answer(label, self._since, changed, smoothed)

    def _next(self, scores: np.ndarray) -> int | None:
        least, half = self.rule.least, self.rule.margin / 2
        best = int(scores.argmax())
        held = self._label
        if held is not None and scores[best] < scores[held] + self.rule.margin:
            best = held
        needed = -math.inf if least is None else least - half if best == held else least
        return best if scores[best] >= needed else None
