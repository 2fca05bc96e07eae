"""What a training is given beside recipe and resources, and what it hands back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Groups of classes whose accuracy is given by itself, by name.
Subsets = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How the data is read, whether a run that is there is replaced, and which classes are scored apart."""

    layout: str = "auto"
    split: int = 1
    overwrite: bool = False
    subsets: Subsets | None = None


@dataclass(slots=True)
class TrainResult:
    """A finished run: its folder, metrics.json's content, and the warnings shown in the report."""

    run: Path
    metrics: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
