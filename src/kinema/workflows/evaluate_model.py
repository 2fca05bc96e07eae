"""Scores of a recogniser on the test and validation videos, with what they must be compared to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..datasets import Dataset
from ..evaluation.calibration import calibration_metrics
from ..evaluation.metrics import classification_metrics
from ..evaluation.predictions import Answers
from ..evaluation.score import score_items
from ..extraction.extracted import Extracted
from ..model.items import FeatureItem
from ..model.recognizer import Recognizer
from ..training.ranks import ALONE, Ranks
from .context import Subsets

# Seeds of the step permutations whose mean accuracy is reported beside the real one.
SHUFFLE_SEEDS = (0, 1, 2)


@dataclass(slots=True)
class Evaluation:
    """Answers for the test and validation records, and metrics.json's content."""

    tested: Answers
    validated: Answers
    metrics: dict[str, Any]


def evaluate_model(
    model: Recognizer,
    extracted: Extracted,
    dataset: Dataset,
    *,
    train_counts: Sequence[int],
    subsets: Subsets | None = None,
    ranks: Ranks = ALONE,
) -> Evaluation:
    """Score the test split of a dataset whose features are in the store.

    `subsets` names groups of classes whose accuracy is given by itself. Every accuracy is also measured
    with the steps of each sequence shuffled: where that changes nothing, time plays no part. Of several
    `ranks` each scores a part of the videos, and all get the whole.
    """

    def score(items: Sequence[FeatureItem], seed: int | None = None) -> np.ndarray:
        def part(numbers: Sequence[int]) -> np.ndarray:
            return score_items(model, [items[n] for n in numbers], shuffle_steps=seed, numbers=numbers)

        return ranks.rows(range(len(items)), part)

    records = dataset.part("test")
    items = extracted.items(records, dataset.labels)
    truth = np.array([i.label for i in items])
    scores = score(items)
    metrics = classification_metrics(
        scores,
        truth,
        dataset.labels,
        train_counts=train_counts,
        groups=[r.group for r in records],
        split=dataset.split_source,
    )
    metrics |= calibration_metrics(scores, truth)
    shuffled = [score(items, seed) for seed in SHUFFLE_SEEDS]
    metrics["shuffled_accuracy"] = float(np.mean([_accuracy(s, truth) for s in shuffled]))
    metrics["subsets"] = {
        name: _subset([dataset.labels.index(c) for c in classes], scores, shuffled, truth)
        for name, classes in (subsets or {}).items()
    }
    validated = dataset.part("val")
    val_scores = score(extracted.items(validated, dataset.labels))
    return Evaluation(Answers(records, scores), Answers(validated, val_scores), metrics)


def _accuracy(scores: np.ndarray, truth: np.ndarray) -> float:
    return float((scores.argmax(1) == truth).mean())


def _subset(
    classes: Sequence[int], scores: np.ndarray, shuffled: Sequence[np.ndarray], truth: np.ndarray
) -> dict[str, Any]:
    """Accuracy on the videos of some classes, against all classes and among these classes alone."""
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
