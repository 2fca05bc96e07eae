"""What a training took: seconds a part, what was computed and what was there already. For metrics.json."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..extraction.extract import ExtractReport

EXTRACT, TRAIN, EVALUATE = "extract ", "train ", "evaluate"
MB = 1_000_000


@dataclass(slots=True)
class Spent:
    """`seconds` of each part: `extract STREAM`, `train backbones|temporal|fusion`, `evaluate`, `data`.

    `computed` and `reused` count the feature sequences of each stream, `learned` the videos that training
    and its evaluation went through: in several rounds each video once a round. What an interrupted process
    took is in none of them; what it computed is reused. `shared`: one extraction serves all rounds, so what
    each of them reuses is not counted again. `memory` is the most that was held at once, in bytes.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    computed: dict[str, int] = field(default_factory=dict)
    reused: dict[str, int] = field(default_factory=dict)
    learned: int = 0
    memory: int = 0
    shared: bool = False

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the seconds that a part of the work takes."""
        start = time.monotonic()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.monotonic() - start

    def extraction(self, reports: Mapping[str, ExtractReport]) -> None:
        """Add what one extraction of the streams did; one that found all in the store took no time."""
        for name, report in reports.items():
            _add(self.seconds, {f"{EXTRACT}{name}": report.seconds} if report.extracted else {})
            _add(self.computed, {name: report.extracted})
            _add(self.reused, {name: report.reused})

    def add(self, training: Spent) -> None:
        """Add what one round took, or the training of the saved model behind the rounds."""
        _add(self.seconds, training.seconds)
        _add(self.computed, training.computed)
        _add(self.reused, {} if self.shared else training.reused)
        self.learned += training.learned
        self.memory = max(self.memory, training.memory)

    @classmethod
    def of(cls, metrics: Mapping[str, Any]) -> Spent:
        """What metrics.json says; runs of earlier days say nothing."""
        streams = metrics.get("extracted", {})
        return cls(
            dict(metrics.get("seconds", {})),
            {name: counts["computed"] for name, counts in streams.items()},
            {name: counts["reused"] for name, counts in streams.items()},
            metrics.get("trained_and_tested", 0),
            metrics.get("peak_memory_mb", 0) * MB,
        )

    def metrics(self) -> dict[str, Any]:
        """The keys of metrics.json."""
        return {
            "seconds": {part: round(value, 3) for part, value in self.seconds.items()},
            "extracted": {
                name: {"computed": count, "reused": self.reused.get(name, 0)}
                for name, count in self.computed.items()
            },
            "trained_and_tested": self.learned,
            "videos_per_second": {"extraction": self.extraction_rate, "training": self.training_rate},
            "peak_memory_mb": self.memory // MB,
        }

    @property
    def extraction_rate(self) -> float | None:
        """Videos a second through all streams of which something was computed; None where nothing was.

        A video costs what it costs in each stream, however many of its other streams were there already.
        """
        counts = {name: count for name, count in self.computed.items() if count}
        took = sum(self.seconds.get(f"{EXTRACT}{name}", 0.0) / count for name, count in counts.items())
        return 1 / took if took else None

    @property
    def training_rate(self) -> float | None:
        """Videos a second through training and evaluation; None where nothing was trained."""
        parts = [part for part in self.seconds if part == EVALUATE or part.startswith(TRAIN)]
        took = sum(self.seconds[part] for part in parts)
        return self.learned / took if self.learned and took else None


def _add(sums: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        sums[name] = sums.get(name, 0) + value
