"""One decision of a live recogniser."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Decision:
    """What is going on at `seconds`, the time of the last frame seen.

    It rests on what was seen since `start_seconds`; `spans` gives the steps of each stream, counted since the
    beginning or the last reset. `scores` are the model's own, `smoothed` their exponential average, float32
    [C] in the order of `labels`. `label` is the answer after hysteresis: None is unknown. It stands `since`;
    `changed` says that it does with this decision.
    """

    seconds: float
    start_seconds: float
    labels: tuple[str, ...] = field(repr=False)
    scores: np.ndarray = field(repr=False)
    smoothed: np.ndarray = field(repr=False)
    label: str | None
    since: float
    changed: bool
    spans: Mapping[str, tuple[int, int]] = field(repr=False)

    @property
    def unknown(self) -> bool:
        """Whether no class is sure enough, or too little was seen yet."""
        return self.label is None

    @property
    def score(self) -> float:
        """The smoothed score of the answer, or of the best class where that is unknown."""
        return float(
            self.smoothed.max() if self.label is None else self.smoothed[self.labels.index(self.label)]
        )

    def top(self, k: int = 3) -> list[tuple[str, float]]:
        """The k best (label, smoothed score) pairs, best first."""
        order = (-self.smoothed).argsort(kind="stable")[:k]
        return [(self.labels[i], float(self.smoothed[i])) for i in order]

    def json_lines(self, top: int = 3) -> list[dict[str, Any]]:
        """A line for every decision."""
        return [self.as_json(top)]

    def said(self) -> list[str]:
        """What people are told: an answer that is new."""
        if not self.changed:
            return []
        return [f"{self.seconds:10.2f} s  {self.label or 'unknown'}  {self.score:.3f}"]

    def shown(self) -> tuple[str, float]:
        """What is drawn on a frame: the answer and its score."""
        return self.label or "unknown", self.score

    def as_json(self, top: int = 3) -> dict[str, Any]:
        """The decision as plain data."""
        return {
            "seconds": round(self.seconds, 3),
            "start_seconds": round(self.start_seconds, 3),
            "label": self.label,
            "unknown": self.unknown,
            "score": self.score,
            "since": round(self.since, 3),
            "changed": self.changed,
            "top": [{"label": label, "score": score} for label, score in self.top(top)],
        }
