"""One training on one split: the recogniser, its evaluation on the test videos, and the run of both."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from ..datasets import Dataset, check_trainable
from ..extraction.loaded import NO_WEIGHTS, LoadedStream, load_streams
from ..recipe import Recipe, changed
from .context import Context, TrainOptions, TrainResult
from .data_facts import Tested, data_facts
from .evaluate_model import Evaluation, evaluate_model
from .events import Events
from .finished import finished_for_all, mark_finished, training_digest
from .train_model import CHECKPOINTS, save_model, train_model
from .write_report import RunFacts, write_results


def train_once(
    dataset: Dataset,
    recipe: Recipe,
    folder: Path,
    options: TrainOptions,
    context: Context,
    *,
    streams: Mapping[str, LoadedStream] | None = None,
    alone: bool = True,
) -> TrainResult:
    """Train on a dataset that has its split and write the run to `folder`; see `kinema.workflows.train`.

    `streams` are the recipe's, where they are loaded already. `alone` is False for one round of several,
    whose data are studied with all rounds or not at all.
    """
    events = context.events
    check_trainable(dataset)
    counted = changed(recipe, {"data.classes": len(dataset.labels)})
    streams = streams or load_streams(recipe.streams, context.resources, advice=NO_WEIGHTS)
    digest = training_digest(counted, streams, dataset.records)
    ranks = context.ranks
    done = finished_for_all(folder, digest, ranks, overwrite=options.overwrite)
    if done is not None and not options.overwrite:
        events.note(f"{folder.name} is finished: accuracy {done.metrics['accuracy']:.1%}")
        return done
    facts = train_model(dataset, recipe, streams, digest, folder, options, context)
    with facts.spent.timed("evaluate"):
        events.step(f"evaluating on {len(facts.dataset.part('test'))} test videos")
        counts = facts.config.data["train_counts"]
        evaluation = evaluate_model(
            facts.model,
            facts.extracted,
            facts.dataset,
            train_counts=counts,
            subsets=options.subsets,
            ranks=ranks,
        )
    evaluation.metrics |= {
        "quarantined": len(facts.extracted.quarantined),
        "absent": len(dataset.absent),
    }
    return ranks.from_first(lambda: _written(facts, evaluation, digest, recipe, events, alone=alone))


def _written(
    facts: RunFacts, evaluation: Evaluation, digest: str, recipe: Recipe, events: Events, *, alone: bool
) -> TrainResult:
    """Write the run and say that it is finished."""
    if alone:
        tested = Tested(facts.dataset.part("train"), facts.dataset.part("test"), facts.history[-1])
        evaluation.metrics |= data_facts(facts, [tested], events)
    save_model(facts)
    write_results(facts, evaluation, events)
    result = TrainResult(facts.folder, evaluation.metrics, facts.warnings)
    mark_finished(result, digest, recipe)
    shutil.rmtree(facts.folder / CHECKPOINTS, ignore_errors=True)
    return result
