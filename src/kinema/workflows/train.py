"""A folder of videos becomes a run: scan -> extract -> fit -> evaluate -> report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..datasets import ensure_split, load_dataset
from ..recipe import Recipe
from .events import SILENT, Events
from .resolve import resolve
from .train_run import TrainOptions, TrainResult, train_dataset


def train(
    data: str | Path,
    *,
    recipe: str | Path | Mapping[str, Any] | Recipe = "lite",
    out: str | Path,
    overrides: Iterable[str] = (),
    options: TrainOptions | None = None,
    events: Events = SILENT,
) -> TrainResult:
    """Train `recipe` on `data` and write a run to `out`.

    A run that was interrupted goes on where it stopped when it is started again with the same settings.
    Raises `UsageError` (nothing was done) or `WorkError` (the work failed; what is in the store stays).
    """
    options = options or TrainOptions()
    resolved = resolve(recipe, overrides, options.weights)
    dataset = ensure_split(
        load_dataset(data, layout=options.layout, split=options.split), resolved.training.seed
    )
    return train_dataset(dataset, resolved, out, options, events)
