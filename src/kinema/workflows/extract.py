"""Fill the feature store for a data folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..datasets import ensure_split, load_dataset
from ..errors import UsageError
from ..recipe import Recipe
from .events import SILENT, Events
from .prepare import extract_streams
from .resolve import assemble, resolve


def extract_dataset(
    data: str | Path,
    *,
    recipe: str | Path | Mapping[str, Any] | Recipe = "lite",
    overrides: Iterable[str] = (),
    features: str | Path | None = None,
    layout: str = "auto",
    split: int = 1,
    weights: str | Path | None = None,
    workers: int | None = None,
    device: str = "auto",
    events: Events = SILENT,
) -> dict[str, Any]:
    """Extract every stream of `recipe` for all videos of `data`; returns counts per stream.

    Raises `UsageError` where there is nothing to extract, `WorkError` where nothing can be read.
    """
    resolved = resolve(recipe, overrides, weights)
    dataset = load_dataset(data, layout=layout, split=split)
    if not dataset.records:
        raise UsageError(f"no videos in {data}; give a folder of class folders, a CSV or a known dataset")
    if any(s.augment and s.augment.copies for s in resolved.streams.values()):
        dataset = ensure_split(dataset, resolved.training.seed)
    parts = assemble(resolved, weights)
    done = extract_streams(dataset.records, parts, features, workers=workers, device=device, events=events)
    return {
        "features": str(done.store.root),
        "videos": len(dataset.records),
        "absent": len(dataset.absent),
        "quarantined": len(done.quarantined),
        "streams": {
            name: {
                "fingerprint": report.fingerprint,
                "extracted": report.extracted,
                "reused": report.reused,
                "failed": len(report.failed),
                "steps": report.steps,
                "seconds": round(report.seconds, 3),
                "notes": report.notes,
            }
            for name, report in done.reports.items()
        },
    }
