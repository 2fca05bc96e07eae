"""The run of a protocol of folds: its figures are those of the folds, its model is trained on all videos."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datasets import Dataset
from ..evaluation.folds import folds_line, never_tested, pool_folds
from ..evaluation.predictions import joined, read_answers
from ..evaluation.protocols import Round
from ..extraction.loaded import LoadedStream
from ..recipe import Recipe, changed
from .context import Context, TrainOptions, TrainResult
from .evaluate_model import Evaluation
from .events import Events
from .finished import training_digest
from .train_model import CHECKPOINTS, save_model, train_model
from .write_report import write_results


class FoldEvents(Events):
    """Of a fold's training only progress is told: what it warns of, the training on all videos says too."""

    def __init__(self, events: Events):
        self.progress, self.epoch, self.detail = events.progress, events.epoch, events.detail  # type: ignore[method-assign]


def train_on_all(
    dataset: Dataset,
    made: Sequence[Round],
    metrics: Sequence[Mapping[str, Any]],
    recipe: Recipe,
    streams: Mapping[str, LoadedStream],
    why: str,
    out: Path,
    options: TrainOptions,
    context: Context,
) -> TrainResult:
    """Train the run `out` on all of `dataset` and write it with the figures of the rounds, which are done.

    `made` are the rounds without unreadable videos, and `metrics` theirs.
    """
    context.events.step("the saved model")
    classes = len(dataset.labels)
    digest = training_digest(changed(recipe, {"data.classes": classes}), streams, dataset.records)
    facts = train_model(dataset, recipe, streams, digest, out, options, context)
    for text in never_tested(made):
        facts.warnings.append(text)
        context.events.warn(text)
    answers = [
        read_answers(out / "rounds" / one.folder / "predictions.csv", one.dataset.part("test"))
        for one in made
    ]
    found = pool_folds(recipe.protocol, made, metrics, answers)
    videos, folds = len(facts.dataset.records), len({one.part for one in made})
    found["protocol"] |= {"trained_on": videos, "said": folds_line(why, folds, videos)}
    found |= {"quarantined": len(facts.extracted.quarantined), "absent": len(dataset.absent)}
    evaluation = Evaluation(joined(answers, classes), joined([], classes), found)
    save_model(facts)
    write_results(facts, evaluation, context.events)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    return TrainResult(out, found, facts.warnings)
