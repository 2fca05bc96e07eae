"""The run of a protocol of folds: its figures are those of the folds, its model is trained on all videos."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..datasets import Dataset
from ..evaluation.folds import folds_line, never_tested, pool_folds
from ..evaluation.predictions import joined
from ..evaluation.rounds import Round
from ..extraction.loaded import LoadedStream
from ..recipe import Recipe, changed
from .context import Context, TrainOptions, TrainResult
from .data_facts import Tested, data_facts
from .evaluate_model import Evaluation
from .events import Events
from .finished import training_digest
from .round_runs import round_answers, round_history
from .spent import Spent
from .train_model import CHECKPOINTS, save_model, train_model
from .write_report import RunFacts, write_results


class FoldEvents(Events):
    """Of a fold's training only progress is told: what it warns of, the training on all videos says too."""

    def __init__(self, events: Events):
        self.progress, self.epoch, self.detail = events.progress, events.epoch, events.detail  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class Folds:
    """What the folds found: their rounds, without unreadable videos, the metrics of each, and what they
    took. `why` says why there are folds, if nobody asked for them."""

    made: Sequence[Round]
    metrics: Sequence[Mapping[str, Any]]
    spent: Spent
    why: str

    @property
    def count(self) -> int:
        """Folds of one seed."""
        return len({one.part for one in self.made})


def train_on_all(
    dataset: Dataset,
    folds: Folds,
    recipe: Recipe,
    streams: Mapping[str, LoadedStream],
    out: Path,
    options: TrainOptions,
    context: Context,
) -> TrainResult:
    """Train the run `out` on all of `dataset` and write it with the figures of its folds, which are done."""
    context.events.step("the saved model")
    digest = training_digest(changed(recipe, {"data.classes": len(dataset.labels)}), streams, dataset.records)
    facts = train_model(dataset, recipe, streams, digest, out, options, context)
    return context.ranks.from_first(lambda: _written(facts, dataset, folds, recipe, out, context.events))


def _written(
    facts: RunFacts, dataset: Dataset, folds: Folds, recipe: Recipe, out: Path, events: Events
) -> TrainResult:
    """Write the run with the figures of its folds."""
    made, classes = folds.made, len(dataset.labels)
    folds.spent.add(facts.spent)
    facts.spent = folds.spent
    for text in never_tested(made):
        facts.warnings.append(text)
        events.warn(text)
    answers = round_answers(made, out)
    metrics = pool_folds(recipe.protocol, made, folds.metrics, answers)
    videos = len(facts.dataset.records)
    metrics["protocol"] |= {"trained_on": videos, "said": folds_line(folds.why, folds.count, videos)}
    metrics |= {"quarantined": len(facts.extracted.quarantined), "absent": len(dataset.absent)}
    rounds = [_tested(one, out) for one in made if one.seed == made[0].seed]
    metrics |= data_facts(facts, rounds, events)
    save_model(facts)
    evaluation = Evaluation(joined(answers, classes), joined([], classes), metrics)
    write_results(facts, evaluation, events)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    return TrainResult(out, metrics, facts.warnings)


def _tested(one: Round, out: Path) -> Tested:
    """What a round trained on and tested, and the last row of its history."""
    return Tested(one.dataset.part("train"), one.dataset.part("test"), round_history(one, out)[-1])
