"""What the run says of itself: for the page, and for programs."""

import json
from pathlib import Path
from typing import Any

from ..inference.timeline import is_timeline
from .service import Service

MOST_CONFUSIONS = 6


def model_facts(service: Service) -> dict[str, Any]:
    """Recipe, classes, its accuracy on its own test set, what it mixes up, and what this server offers."""
    run, shelf, limits = service.run, service.shelf, service.limits
    metrics = read_metrics(run.folder)
    return {
        "name": run.folder.resolve().name,
        "recipe": run.config.recipe.name,
        "labels": list(run.labels),
        "timeline": is_timeline(run),
        "fingerprint": service.fingerprint,
        "accuracy": metrics.get("accuracy"),
        "n_test": metrics.get("n_test"),
        "split": metrics.get("split"),
        "per_class": [
            {"label": row["label"], "recall": row["recall"], "support": row["support"]}
            for row in metrics.get("per_class", [])
        ],
        "confusions": confusions(metrics.get("confusion", []), run.labels),
        "risks": run.sequences.model.calibration is not None,
        "offers": {
            "search": shelf.embeddings is not None,
            "anomaly": shelf.detector is not None,
            "files": shelf.root is not None,
        },
        "limits": {
            "upload_bytes": limits.upload_bytes,
            "video_seconds": limits.video_seconds,
            "megapixels": limits.megapixels,
            "work_seconds": limits.work_seconds,
        },
    }


def read_metrics(folder: Path) -> dict[str, Any]:
    """metrics.json of a run; nothing where it has none that can be read."""
    try:
        found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def confusions(matrix: list[list[int]], labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """What was most often taken for something else: `count` of `total` test videos of `label`.

    >>> confusions([[3, 1], [0, 4]], ("bow", "wave"))
    [{'label': 'bow', 'called': 'wave', 'count': 1, 'total': 4}]
    """
    pairs: list[dict[str, Any]] = [
        {"label": labels[row], "called": labels[column], "count": count, "total": sum(counts)}
        for row, counts in enumerate(matrix)
        for column, count in enumerate(counts)
        if row != column and count
    ]
    pairs.sort(key=lambda pair: -pair["count"] / pair["total"])
    return pairs[:MOST_CONFUSIONS]
