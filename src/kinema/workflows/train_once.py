"""One training on one split: streams -> (backbones) -> features -> recogniser -> evaluation -> run."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..atomic import write_text
from ..datasets import Dataset, carve_validation, check_trainable
from ..extraction.extracted import Extracted
from ..extraction.loaded import NO_WEIGHTS, TRAINED, LoadedStream, load_streams
from ..keys import fingerprint
from ..model.build import build_recognizer
from ..model.recognizer import JointRecognizer, Recognizer
from ..model.separate import SeparateRecognizer
from ..recipe import BackboneTraining, Recipe, changed
from ..run import RunConfig, flat_state, save_run
from ..training.clips import ClipItem
from ..training.closed import fit_closed
from ..training.fit import fit
from ..training.fusion import fit_svm
from ..training.on_the_fly import fit_on_the_fly
from ..training.reuse import STAGES, Kept, kept_in
from ..training.separate import fit_separate
from ..training.stage import FitOptions, Row
from .backbone_stage import backbone_stage
from .context import Context
from .evaluate import evaluate_model
from .events import Events
from .extract import extract_streams
from .options import TrainOptions, TrainResult
from .write_report import RunFacts, data_warnings, write_results


def train_once(
    dataset: Dataset, recipe: Recipe, folder: Path, options: TrainOptions, context: Context
) -> TrainResult:
    """Train on a dataset that has its split and write the run to `folder`; see `kinema.workflows.train`."""
    events, clock = context.events, Clock()
    warnings = [*dataset.warnings, *check_trainable(dataset)]
    recipe = changed(recipe, {"data.classes": len(dataset.labels)})
    streams = load_streams(recipe.streams, context.resources, advice=NO_WEIGHTS)
    resume = _resumable(folder / "checkpoints", recipe, dataset, options.fresh)
    kept = Kept() if options.fresh else kept_in(folder)
    fit_options = FitOptions(
        folder / "checkpoints",
        resume,
        context.resources.device,
        _epochs_shown(recipe, events),
        events.note,
        kept,
    )
    model = _recognizer(recipe, streams)
    # Set aside before anything is trained: no stage learns from what another one is stopped by.
    dataset = replace(dataset, records=_with_validation(dataset, recipe))
    history: list[Row] = []
    released = any(stream.spec.train_blocks for stream in streams.values())
    if released:
        with clock("train backbones"):
            streams, history = backbone_stage(recipe, dataset, streams, model, fit_options, context)
    with clock("extract"):
        extracted = extract_streams(dataset.records, streams, context)
    if released:
        context.drop_flow()
    dataset = replace(dataset, records=tuple(extracted.records))
    warnings += [*check_trainable(dataset), *data_warnings(dataset, extracted)]
    for text in dict.fromkeys(warnings):
        events.warn(text)
    with clock("train"):
        history += _fit(model, dataset, extracted, fit_options, events)
    counts = [row["train"] for row in dataset.counts().values()]
    with clock("evaluate"):
        events.step(f"evaluating on {len(dataset.part('test'))} test videos")
        evaluation = evaluate_model(model, extracted, dataset, train_counts=counts, subsets=options.subsets)
    evaluation.metrics |= {"quarantined": len(extracted.quarantined), "absent": len(dataset.absent)}
    config = RunConfig(
        recipe, dataset.labels, _backbone_facts(streams), _data_facts(dataset, counts, kept, context)
    )
    state = {f"recognizer.{name}": value for name, value in model.tensors().items()}
    save_run(folder, config, state | flat_state(_trained_modules(streams)))
    facts = RunFacts(folder, config, dataset, extracted, model, history, clock.seconds, warnings)
    write_results(facts, evaluation, events)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return TrainResult(folder, evaluation.metrics, warnings)


def _with_validation(dataset: Dataset, recipe: Recipe) -> tuple[Any, ...]:
    """A part of the training records set aside by group, where the recipe asks for it."""
    spec = recipe.training
    return tuple(carve_validation(dataset.records, spec.val_fraction, spec.seed))


def _data_facts(dataset: Dataset, counts: list[int], kept: Kept, context: Context) -> dict[str, Any]:
    return {
        "layout": dataset.layout,
        "split": dataset.split_source,
        "train_counts": counts,
        "precision": context.resources.precision or "fp32",
        STAGES: kept.made,
    }


class Clock:
    """Seconds spent per named part of the work: `with clock("fit"): ...`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name, self._since = "", 0.0

    def __call__(self, name: str) -> Clock:
        """Name the part that the next `with` block times."""
        self._name = name
        return self

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.seconds[self._name] = self.seconds.get(self._name, 0.0) + time.monotonic() - self._since


def _recognizer(recipe: Recipe, streams: Mapping[str, LoadedStream]) -> Recognizer:
    torch.manual_seed(recipe.training.seed)
    return build_recognizer(recipe, {name: s.dim for name, s in streams.items()}, recipe.data.classes)


def _fit(
    model: Recognizer, dataset: Dataset, extracted: Extracted, fit_options: FitOptions, events: Events
) -> list[Row]:
    records, labels = dataset.part("train"), dataset.labels
    copies = max(s.spec.copies for s in extracted.streams.values())
    items, val_items = extracted.items(records, labels, copies), extracted.items(dataset.part("val"), labels)
    if isinstance(model, JointRecognizer) and model.recipe.temporal.closed_form:
        events.step(f"fitting statistics of {len(records)} videos in closed form")
        return fit_closed(model, items)
    events.step(f"training on {len(records)} videos, {model.recipe.training.epochs} epochs")
    if any(s.spec.on_the_fly for s in extracted.streams.values()):
        clips = [ClipItem(r, extracted.key(r), labels.index(r.label or "")) for r in records]
        return fit_on_the_fly(model, extracted.streams, clips, items, val_items, fit_options)
    if not isinstance(model, SeparateRecognizer):
        return fit(model, items, val_items, fit_options)
    history = fit_separate(model, items, val_items, fit_options)
    events.step("fitting the linear SVM on the joined embeddings")
    fit_svm(model, extracted.items(records, labels), val_items)
    return history


def _epochs_shown(recipe: Recipe, events: Events) -> Callable[[Row], None]:
    spec = recipe.training
    backbone_epochs = (spec.backbone or BackboneTraining()).epochs

    def show(row: Row) -> None:
        events.epoch(row, backbone_epochs if row["stage"].startswith("backbone") else spec.epochs)

    return show


def _trained_modules(streams: Mapping[str, LoadedStream]) -> dict[str, torch.nn.Module]:
    return {
        f"backbone-{name}-{i}": backbone.module
        for name, stream in streams.items()
        for i, backbone in enumerate(stream.backbones)
        if backbone.source == TRAINED
    }


def _resumable(checkpoints: Path, recipe: Recipe, dataset: Dataset, fresh: bool) -> bool:
    """Whether the checkpoints here belong to exactly this training; others are removed."""
    videos = [[r.id, r.label, r.split] for r in dataset.records]
    digest = fingerprint({"recipe": recipe.model_dump(mode="json"), "videos": videos})
    marker = checkpoints / "training.json"
    try:
        same = json.loads(marker.read_text(encoding="utf-8"))["fingerprint"] == digest
    except (OSError, ValueError, KeyError):
        same = False
    if same and not fresh:
        return True
    shutil.rmtree(checkpoints, ignore_errors=True)
    write_text(marker, json.dumps({"fingerprint": digest}))
    return False


def _backbone_facts(streams: Mapping[str, LoadedStream]) -> dict[str, list[dict[str, str]]]:
    return {
        name: [
            {"name": b.spec.name, "features": b.features, "digest": b.digest, "source": b.source}
            for b in stream.backbones
        ]
        for name, stream in streams.items()
    }
