"""What a training is given beside the recipe, and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .evaluate import Subsets


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Everything about a training that is not the recipe."""

    layout: str = "auto"
    split: int = 1
    weights: str | Path | None = None
    features: str | Path | None = None
    workers: int | None = None
    device: str = "auto"
    fresh: bool = False
    download: bool = True
    subsets: Subsets | None = None


@dataclass(slots=True)
class TrainResult:
    """A finished run: its folder, metrics.json's content, and the warnings shown in the report."""

    run: Path
    metrics: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
