"""Streams -> (backbones) -> features -> recogniser, on the training videos of a dataset."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ..atomic import write_text
from ..datasets import Dataset, carve_validation, check_trainable
from ..extraction.calibrate import save_networks
from ..extraction.extracted import Extracted
from ..extraction.loaded import TRAINED, LoadedStream
from ..model.build import build_recognizer
from ..model.items import FeatureItem
from ..model.recognizer import JointRecognizer, Recognizer
from ..model.separate import SeparateRecognizer
from ..recipe import Recipe, changed
from ..run import RunConfig, flat_state, save_run
from ..training.clips import ClipItem
from ..training.closed import fit_closed
from ..training.fit import fit, fit_on_the_fly
from ..training.folds import fit_by_folds
from ..training.loggers import make_logger
from ..training.reuse import STAGES, kept_in
from ..training.separate import fit_separate, fit_svm
from ..training.stage import FitOptions, Row
from .backbone_stage import drop_kept_flow, train_released
from .context import Context, TrainOptions
from .events import Events
from .extract import extract_streams
from .finished import reopen
from .spent import Spent
from .write_report import RunFacts, data_warnings

CHECKPOINTS = "checkpoints"


def train_model(
    dataset: Dataset,
    recipe: Recipe,
    streams: Mapping[str, LoadedStream],
    digest: str,
    folder: Path,
    options: TrainOptions,
    context: Context,
) -> RunFacts:
    """Train the recipe's recogniser on the part "train"; its checkpoints lie in `folder` meanwhile.

    Unreadable videos are left out of the dataset that is returned. `digest` says which training it is, so
    that an interrupted one goes on. Raises as `check_trainable` does, if there are test videos.
    """
    events, tested = context.events, bool(dataset.part("test"))
    spent = Spent()
    warnings = [*dataset.warnings, *(check_trainable(dataset) if tested else [])]
    recipe = changed(recipe, {"data.classes": len(dataset.labels)})
    fit_options = fit_options_in(folder, digest, options, context)
    fit_options = replace(fit_options, kept=kept_in(folder))
    torch.manual_seed(recipe.training.seed)
    model = build_recognizer(recipe, {name: s.dim for name, s in streams.items()}, recipe.data.classes)
    # Set aside before anything is trained: no stage learns from what another one is stopped by.
    spec = recipe.training
    dataset = replace(dataset, records=tuple(carve_validation(dataset.records, spec.val_fraction, spec.seed)))
    history: list[Row] = []
    if recipe.releases:
        with spent.timed("train backbones"):
            streams, history = train_released(recipe, dataset, streams, model, fit_options, context)
    extracted = extract_streams(dataset.records, streams, context)
    spent.extraction(extracted.reports)
    if recipe.releases:
        drop_kept_flow(context)
    dataset = replace(dataset, records=tuple(extracted.records))
    warnings += [*(check_trainable(dataset) if tested else []), *data_warnings(dataset, extracted)]
    warnings = list(dict.fromkeys(warnings))
    for text in warnings:
        events.warn(text)
    spent.memory = context.memory.bytes
    spent.learned = len(dataset.records)
    with spent.timed("train temporal"):
        history += _fit(model, dataset, extracted, fit_options, events)
    if isinstance(model, SeparateRecognizer):
        with spent.timed("train fusion"):
            _fit_fusion(model, dataset, extracted, context)
    how = next(iter(streams.values())).choice
    facts = {
        "layout": dataset.layout,
        "split": dataset.split_source,
        "train_counts": [row["train"] for row in dataset.counts().values()],
        "precision": how.precision,
        "runtime": how.runtime,
        STAGES: fit_options.kept.made,
    }
    config = RunConfig(recipe, dataset.labels, backbone_facts(extracted.streams), facts)
    return RunFacts(folder, config, dataset, extracted, model, history, spent, warnings)


def save_model(facts: RunFacts) -> None:
    """Write config.yaml, model.safetensors and networks in int8 into the run's folder."""
    state = {f"recognizer.{name}": value for name, value in facts.model.tensors().items()}
    save_networks(facts.folder, facts.extracted.streams)
    save_run(facts.folder, facts.config, state | flat_state(_trained_modules(facts.extracted.streams)))


def _fit(
    model: Recognizer, dataset: Dataset, extracted: Extracted, fit_options: FitOptions, events: Events
) -> list[Row]:
    records, labels = dataset.part("train"), dataset.labels
    copies = max(s.spec.copies for s in extracted.streams.values())
    items, val_items = extracted.items(records, labels, copies), extracted.items(dataset.part("val"), labels)
    watch = model.recipe.training.watch_test
    watched = extracted.items(dataset.part("test"), labels) if watch else []
    if isinstance(model, JointRecognizer) and model.recipe.temporal.closed_form:
        events.step(f"fitting statistics of {len(records)} videos in closed form")
        return _first_fits(model, items, fit_options)
    if isinstance(model, JointRecognizer) and model.recipe.training.keep == "folds":
        events.step(f"choosing the number of epochs by folds of {len(records)} videos")
        return fit_by_folds(model, items, fit_options)
    events.step(f"training on {len(records)} videos, {model.recipe.training.epochs} epochs")
    if any(s.spec.on_the_fly for s in extracted.streams.values()):
        clips = [ClipItem(r, extracted.key(r), labels.index(r.label or "")) for r in records]
        return fit_on_the_fly(model, extracted.streams, clips, items, val_items, fit_options, watched)
    if not isinstance(model, SeparateRecognizer):
        return fit(model, items, val_items, fit_options, watched=watched)
    return fit_separate(model, items, val_items, fit_options, watched)


def _first_fits(model: JointRecognizer, items: Sequence[FeatureItem], options: FitOptions) -> list[Row]:
    """The closed form, which the first process fits for all."""
    ranks = options.ranks
    if ranks.count > 1:
        options.on_note("a closed form is solved for by one process: the others wait")
    history, tensors = ranks.from_first(lambda: (fit_closed(model, items), model.tensors()))
    if not ranks.first:
        model.load_tensors(tensors)
    return history


def _fit_fusion(model: SeparateRecognizer, dataset: Dataset, extracted: Extracted, context: Context) -> None:
    context.events.step("fitting the linear SVM on the joined embeddings")
    train, val = (extracted.items(dataset.part(part), dataset.labels) for part in ("train", "val"))
    fit_svm(model, train, val, context.ranks)


def _trained_modules(streams: Mapping[str, LoadedStream]) -> dict[str, torch.nn.Module]:
    return {
        f"backbone-{name}-{i}": backbone.module
        for name, stream in streams.items()
        for i, backbone in enumerate(stream.backbones)
        if backbone.source == TRAINED
    }


def fit_options_in(folder: Path, digest: str, options: TrainOptions, context: Context) -> FitOptions:
    """How the stages of a training in `folder` run; resumed, where one of this digest was interrupted."""
    events, ranks = context.events, context.ranks
    return FitOptions(
        folder / CHECKPOINTS,
        ranks.from_first(lambda: _resumable(folder, digest, options.overwrite)),
        context.resources.device,
        events.epoch,
        events.note,
        logger=make_logger(options.logger, folder) if options.logger and ranks.first else None,
        ranks=ranks,
    )


def _resumable(folder: Path, digest: str, anew: bool) -> bool:
    """Whether the checkpoints here belong to exactly this training; others are removed.

    From here on the folder holds no finished training until this one is.
    """
    reopen(folder)
    checkpoints = folder / CHECKPOINTS
    marker = checkpoints / "training.json"
    try:
        same = json.loads(marker.read_text(encoding="utf-8"))["fingerprint"] == digest
    except (OSError, ValueError, KeyError):
        same = False
    if same and not anew:
        return True
    shutil.rmtree(checkpoints, ignore_errors=True)
    write_text(marker, json.dumps({"fingerprint": digest}))
    return False


def backbone_facts(streams: Mapping[str, LoadedStream]) -> dict[str, list[dict[str, str]]]:
    return {
        name: [
            {"name": b.spec.name, "features": b.features, "digest": b.digest, "source": b.source}
            | ({"int8": stream.calibrated[i].digest} if stream.calibrated else {})
            for i, b in enumerate(stream.backbones)
        ]
        for name, stream in streams.items()
    }
