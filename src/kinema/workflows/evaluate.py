"""Test scores of a recogniser, with what they must be compared to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Dataset, ensure_split, load_dataset
from ..errors import UsageError
from ..evaluation.calibration import calibration_metrics
from ..evaluation.metrics import classification_metrics
from ..evaluation.score import score_items
from ..extraction.extracted import Extracted
from ..inference.predictor import load
from ..model.recognizer import Recognizer
from ..resources import Resources
from ..types import VideoRecord
from .context import Context
from .events import SILENT, Events
from .extract import extract_streams
from .options import Subsets

# Seeds of the step permutations whose mean accuracy is reported beside the real one.
SHUFFLE_SEEDS = (0, 1, 2)


@dataclass(slots=True)
class Evaluation:
    """Scores float32 [N, C] and true classes int [N] of the test records, and metrics.json's content."""

    records: tuple[VideoRecord, ...]
    scores: np.ndarray
    truth: np.ndarray
    metrics: dict[str, Any]


def evaluate_model(
    model: Recognizer,
    extracted: Extracted,
    dataset: Dataset,
    *,
    train_counts: Sequence[int],
    subsets: Subsets | None = None,
) -> Evaluation:
    """Score the test split of a dataset whose features are in the store.

    `subsets` names groups of classes whose accuracy is given by itself. Every accuracy is also measured
    with the steps of each sequence shuffled: where that changes nothing, time plays no part.
    """
    records = dataset.part("test")
    items = extracted.items(records, dataset.labels)
    truth = np.array([i.label for i in items])
    scores = score_items(model, items)
    metrics = classification_metrics(
        scores,
        truth,
        dataset.labels,
        train_counts=train_counts,
        groups=[r.group for r in records],
        split=dataset.split_source,
    )
    metrics |= calibration_metrics(scores, truth)
    shuffled = [score_items(model, items, shuffle_steps=seed) for seed in SHUFFLE_SEEDS]
    metrics["shuffled_accuracy"] = float(np.mean([_accuracy(s, truth) for s in shuffled]))
    metrics["subsets"] = {
        name: _subset([dataset.labels.index(c) for c in classes], scores, shuffled, truth)
        for name, classes in (subsets or {}).items()
    }
    return Evaluation(records, scores, truth, metrics)


def evaluate(
    run: str | Path,
    data: str | Path,
    *,
    layout: str = "auto",
    split: int = 1,
    resources: Resources | None = None,
    events: Events = SILENT,
) -> dict[str, Any]:
    """Metrics of a run on the test split of `data`; of all of it where it has no split.

    Raises `UsageError` where the data has classes that the run does not know.
    """
    context = Context(resources or Resources(), events)
    loaded = load(run, context.resources)
    dataset = load_dataset(data, layout=layout, split=split)
    dataset = _all_test(dataset) if not dataset.has_split else ensure_split(dataset)
    unknown = sorted({r.label or "" for r in dataset.part("test")} - set(loaded.labels))
    if unknown:
        raise UsageError(
            f"class '{unknown[0]}' of {data} is unknown to run {run}, "
            f"which knows {', '.join(loaded.labels[:8])}; train on this data or take the class out"
        )
    extracted = extract_streams(dataset.part("test"), loaded.streams, context)
    tested = Dataset(
        dataset.layout,
        dataset.root,
        loaded.labels,
        tuple(extracted.records),
        split_source=dataset.split_source,
    )
    counts = loaded.config.data.get("train_counts") or [1] * len(loaded.labels)
    evaluation = evaluate_model(loaded.sequences.model, extracted, tested, train_counts=counts)
    return evaluation.metrics | {"quarantined": len(extracted.quarantined), "absent": len(dataset.absent)}


def _all_test(dataset: Dataset) -> Dataset:
    records = [replace(r, split="test") for r in dataset.records]
    return dataset.with_split(records, "no split: all videos tested")


def _accuracy(scores: np.ndarray, truth: np.ndarray) -> float:
    return float((scores.argmax(1) == truth).mean())


def _subset(
    classes: Sequence[int], scores: np.ndarray, shuffled: Sequence[np.ndarray], truth: np.ndarray
) -> dict[str, Any]:
    """Accuracy on the videos of some classes, against all classes and among these classes alone.

    Among themselves chance is one in their number: for a pair, a half.
    """
    chosen = np.isin(truth, classes)
    if not chosen.any():
        return {"n_test": 0, "accuracy": None, "shuffled_accuracy": None}

    def among(of: np.ndarray) -> float:
        own = np.full_like(of, -np.inf)
        own[:, classes] = of[:, classes]
        return _accuracy(own[chosen], truth[chosen])

    return {
        "n_test": int(chosen.sum()),
        "accuracy": _accuracy(scores[chosen], truth[chosen]),
        "shuffled_accuracy": float(np.mean([_accuracy(s[chosen], truth[chosen]) for s in shuffled])),
        "accuracy_among": among(scores),
        "shuffled_accuracy_among": float(np.mean([among(s) for s in shuffled])),
        "chance_among": 1 / len(classes),
    }
