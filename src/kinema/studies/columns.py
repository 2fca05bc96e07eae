"""What a study's table can show of a row, and how it is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

Facts = Mapping[str, Any]
# Columns that are had by timing a few videos.
MEASURED = {"seconds", "frames_per_second"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, the unit and digits it is written with, and its value in one cell's facts.

    A value is multiplied by `scale`; None is unknown. `what` says what was measured. `once`: it is of the row
    and not of its cells, so that it has no deviation over them.
    """

    heading: str
    value: Callable[[Facts], float | None]
    unit: str = ""
    scale: float = 1.0
    digits: int = 1
    what: str = ""
    once: bool = False

    def text(self, value: float | None, spread: float | None = None) -> str:
        """`84.1 ± 0.5`, without unit; an en dash for what is not known."""
        if value is None:
            return "–"
        written = f"{value:,.{self.digits}f}"
        return written if spread is None else f"{written} ± {spread:,.{self.digits}f}"

    def over(self, cells: Sequence[Facts]) -> tuple[float | None, float | None]:
        """Mean and standard deviation over cells, scaled; no deviation of one cell or of equal values."""
        values = [self.scale * v for cell in cells if (v := self.value(cell)) is not None]
        if not values:
            return None, None
        spread = 0.0 if self.once or len(values) < 2 else stdev(values)
        return fmean(values), spread or None

    @property
    def title(self) -> str:
        """The heading with the unit."""
        return f"{self.heading} ({self.unit})" if self.unit else self.heading


def _metric(key: str) -> Callable[[Facts], float | None]:
    return lambda facts: facts["metrics"].get(key)


def _top(count: int) -> Callable[[Facts], float | None]:
    """Unknown where every answer would be right, there being no more classes than that."""

    def value(facts: Facts) -> float | None:
        metrics = facts["metrics"]
        return metrics.get(f"top{count}") if len(metrics.get("per_class", ())) > count else None

    return value


def _cost(key: str) -> Callable[[Facts], float | None]:
    return lambda facts: facts["cost"].get(key)


# By the name that study files use.
COLUMNS: dict[str, Column] = {
    "accuracy": Column("accuracy", _metric("accuracy"), "%", 100, 2),
    "top3": Column("top 3", _top(3), "%", 100, 2),
    "top5": Column("top 5", _top(5), "%", 100, 2),
    "class_accuracy": Column("mean of classes", _metric("mean_class_accuracy"), "%", 100, 2),
    "interval": Column("95 % interval", lambda facts: None, what="over groups where they are known"),
    "parameters": Column("parameters", _cost("parameters"), digits=0, what="trained values"),
    "paper_parameters": Column(
        "parameters as published",
        _cost("paper_parameters"),
        digits=0,
        what="for the recipe's number of classes",
    ),
    "extract_minutes": Column(
        "extraction",
        _cost("extract_seconds"),
        "min",
        1 / 60,
        2,
        "features of all videos, once for the study",
        once=True,
    ),
    "train_minutes": Column("training", _cost("train_seconds"), "min", 1 / 60, 2, "one training"),
    "minutes": Column(
        "time", _cost("seconds_in_all"), "min", 1 / 60, 2, "features of all videos and one training"
    ),
    "seconds": Column(
        "a video", _cost("seconds_a_video"), "s", 1, 2, "from file to answer, a few test videos"
    ),
    "frames_per_second": Column(
        "frames a second", _cost("frames_per_second"), "", 1, 1, "from file to answer, a few test videos"
    ),
    "memory": Column("peak memory", _cost("peak_memory"), "GB", 1e-9, 2, "of the process that trained it"),
}
