"""`kinema train --task timeline`: long videos with labelled segments become a run that answers when."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from ..atomic import atomic_open, write_text
from ..datasets.timeline import TimelineSet, check_timelines
from ..datasets.timeline.stretches import stretches
from ..extraction.loaded import NO_WEIGHTS, LoadedStream, load_streams
from ..keys import fingerprint
from ..model.build import build_recognizer
from ..model.timeline import TimelineRecognizer
from ..recipe import Recipe, changed
from ..report.model_card import model_card
from ..run import RunConfig
from ..training.stage import FitOptions, Row
from ..training.timeline import fit_timeline
from .backbone_stage import drop_kept_flow, train_released
from .context import Context, TrainOptions, TrainResult
from .evaluate_timeline import evaluate_timeline
from .events import Events
from .extract import extract_streams
from .finished import finished_for_all, mark_finished, training_digest
from .seen import write_seen
from .spent import Spent
from .timeline_items import fitted_to_files, timeline_items
from .timeline_report import write_timeline_report
from .train_model import CHECKPOINTS, backbone_facts, fit_options_in, save_model
from .write_report import RunFacts


def train_timeline(
    dataset: TimelineSet, recipe: Recipe, folder: Path, options: TrainOptions, context: Context
) -> TrainResult:
    """Train on a dataset that has its split and write the run to `folder`; see `kinema.workflows.train`."""
    events, spent = context.events, Spent()
    recipe = changed(recipe, {"data.classes": max(2, len(dataset.labels))})
    streams = load_streams(recipe.streams, context.resources, advice=NO_WEIGHTS)
    digest = _digest(dataset, training_digest(recipe, streams, dataset.records))
    ranks = context.ranks
    done = finished_for_all(folder, digest, ranks, overwrite=options.overwrite)
    if done is not None and not options.overwrite:
        events.note(f"{folder.name} is finished: segmental F1 at 50 % {done.metrics['f1_50']:.1%}")
        return done
    fit_options = fit_options_in(folder, digest, options, context)
    torch.manual_seed(recipe.training.seed)
    model = build_recognizer(recipe, {n: s.dim for n, s in streams.items()}, len(dataset.labels))
    assert isinstance(model, TimelineRecognizer)
    history: list[Row] = []
    if recipe.releases:
        with spent.timed("train backbones"):
            streams, history = _backbones(dataset, recipe, streams, model, fit_options, context)
    extracted = extract_streams(dataset.records, streams, context)
    spent.extraction(extracted.reports)
    if recipe.releases:
        drop_kept_flow(context)
    dataset, told = fitted_to_files(dataset, extracted)
    warnings = list(dict.fromkeys([*dataset.warnings, *check_timelines(dataset), *told]))
    if extracted.quarantined:
        warnings.append(
            f"{len(extracted.quarantined)} files could not be read and were left out; see quarantine.csv"
        )
    for text in warnings:
        events.warn(text)
    spent.memory, spent.learned = context.memory.bytes, len(dataset.records)
    assert recipe.timeline is not None
    with spent.timed("train temporal"):
        train = dataset.part("train")
        items = timeline_items(dataset, train, extracted, recipe.timeline.border_seconds)
        events.step(f"training on {len(train)} files, {recipe.training.epochs} epochs")
        history += fit_timeline(model, items, dataset.labels, fit_options)
    how = next(iter(streams.values())).choice
    config = RunConfig(
        recipe,
        dataset.labels,
        backbone_facts(extracted.streams),
        {
            "task": "timeline",
            "layout": dataset.layout,
            "split": dataset.split_source,
            "train_counts": [row["train"] for row in dataset.counts().values()],
            "precision": how.precision,
            "runtime": how.runtime,
        },
    )
    facts = RunFacts(folder, config, dataset, extracted, model, history, spent, warnings)
    return ranks.from_first(lambda: _written(facts, dataset, digest, recipe, events))


def _backbones(
    dataset: TimelineSet,
    recipe: Recipe,
    streams: Mapping[str, LoadedStream],
    model: TimelineRecognizer,
    options: FitOptions,
    context: Context,
) -> tuple[dict[str, LoadedStream], list[Row]]:
    """The streams with backbones that tell the training files' classes from each other, and from none."""
    parts = stretches(dataset)
    of_parts = changed(recipe, {"data.classes": len(parts.labels)})
    return train_released(of_parts, parts, streams, model, options, context)


def _written(
    facts: RunFacts, dataset: TimelineSet, digest: str, recipe: Recipe, events: Events
) -> TrainResult:
    """Evaluate, and write the run."""
    extracted, folder, spent = facts.extracted, facts.folder, facts.spent
    assert isinstance(facts.model, TimelineRecognizer)
    with spent.timed("evaluate"):
        events.step(f"evaluating on {len(dataset.part('test'))} test files")
        answers, metrics = evaluate_timeline(facts.model, dataset, extracted)
    metrics |= {"quarantined": len(extracted.quarantined), "absent": len(dataset.absent)}
    save_model(facts)
    with atomic_open(folder / "history.jsonl") as file:
        file.writelines(json.dumps(row) + "\n" for row in facts.history)
    write_seen(folder, dataset.records)
    metrics |= spent.metrics() | {"computed_with": extracted.computed()}
    write_text(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    events.step("writing the report")
    data = write_timeline_report(facts, answers, metrics)
    write_text(folder / "README.md", model_card(data))
    result = TrainResult(folder, metrics, facts.warnings)
    mark_finished(result, digest, recipe)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return result


def _digest(dataset: TimelineSet, training: str) -> str:
    """Which training it is: that of the files, and what is marked in them."""
    marked = {
        name: [[s.label, s.start_seconds, str(s.end_seconds), s.annotator] for s in own]
        for name, own in dataset.marked.items()
    }
    return fingerprint({"training": training, "marked": marked, "labels": list(dataset.labels)})
