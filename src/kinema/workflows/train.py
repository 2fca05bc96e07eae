"""A folder of videos becomes a run: scan -> extract -> fit -> evaluate -> report."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..atomic import atomic_open, write_text
from ..datasets import Dataset, carve_validation, check_trainable, ensure_split, load_dataset
from ..errors import UsageError, WorkError
from ..features.keys import fingerprint
from ..model.build import build_recognizer
from ..model.recognizer import Recognizer
from ..model.separate import SeparateRecognizer
from ..pipeline import TRAINED, StreamParts
from ..recipe import BackboneTraining, Recipe, load_recipe
from ..run import RunConfig, flat_state, save_run
from ..training.clips import ClipItem
from ..training.end_to_end import fit_on_the_fly
from ..training.fit import FitOptions, fit
from ..training.fusion import fit_svm
from ..training.reuse import STAGES, Kept, kept_in
from ..training.separate import fit_separate
from ..training.stage import Row
from ..types import VideoRecord
from .backbone_stage import backbone_stage
from .evaluate import evaluate_model
from .events import SILENT, Events
from .options import TrainOptions, TrainResult
from .prepare import Extracted, extract_streams, variants_of
from .protocol import several_rounds, train_protocol
from .resolve import assemble, resolve
from .write_report import RunFacts, data_warnings, write_results


def train(
    data: str | Path,
    *,
    recipe: str | Path | Mapping[str, Any] | Recipe = "lite",
    out: str | Path,
    overrides: Iterable[str] = (),
    options: TrainOptions | None = None,
    events: Events = SILENT,
) -> TrainResult:
    """Train `recipe` on `data` and write a run to `out`.

    A run that was interrupted goes on where it stopped when it is started again with the same settings.
    Raises `UsageError` (nothing was done) or `WorkError` (the work failed; what is in the store stays).
    """
    options = options or TrainOptions()
    resolved = resolve(recipe, overrides, options.weights)
    if several_rounds(resolved.protocol):
        return train_protocol(data, resolved, _writable(Path(out)), options, events, train_dataset)
    dataset = ensure_split(
        load_dataset(data, layout=options.layout, split=options.split),
        resolved.training.seed,
        resolved.protocol.test_fraction,
    )
    return train_dataset(dataset, resolved, out, options, events)


def train_dataset(
    dataset: Dataset, recipe: Recipe, out: str | Path, options: TrainOptions, events: Events = SILENT
) -> TrainResult:
    """Train on a dataset that has its split; see `train`."""
    folder = _writable(Path(out))
    warnings = [*dataset.warnings, *check_trainable(dataset)]
    recipe = load_recipe(recipe, [f"data.classes={len(dataset.labels)}"])
    parts = assemble(recipe, options.weights, options.download)
    clock = Clock()
    resume = _resumable(folder / "checkpoints", recipe, dataset, options.fresh)
    kept = Kept() if options.fresh else kept_in(folder)
    fit_options = FitOptions(
        folder / "checkpoints", resume, options.device, _epochs_shown(recipe, events), events.note, kept
    )
    model = _recognizer(recipe, parts)
    history: list[Row] = []
    if any(part.spec.train_blocks for part in parts.values()):
        with clock("train backbones"):
            parts, history = backbone_stage(
                recipe, dataset, parts, model, options.features, fit_options, events
            )

    with clock("extract"):
        extracted = extract_streams(
            dataset.records,
            parts,
            options.features,
            workers=options.workers,
            device=options.device,
            events=events,
        )
    absent = dataset.absent
    dataset = replace(dataset, records=_with_validation(extracted.records, recipe))
    warnings += [*check_trainable(dataset), *data_warnings(dataset, extracted, parts)]
    for text in dict.fromkeys(warnings):
        events.warn(text)
    with clock("train"):
        history += _fit(model, dataset, extracted, fit_options, events)
    counts = [row["train"] for row in dataset.counts().values()]
    with clock("evaluate"):
        events.step(f"evaluating on {len(dataset.part('test'))} test videos")
        evaluation = evaluate_model(model, extracted, dataset, train_counts=counts, subsets=options.subsets)
    evaluation.metrics |= {"quarantined": len(extracted.quarantined), "absent": len(absent)}
    data_facts = _data_facts(dataset, counts) | {STAGES: kept.made}
    config = RunConfig(recipe, dataset.labels, _backbone_facts(parts), data_facts)
    trained = {f"recognizer.{name}": value for name, value in model.tensors().items()}
    save_run(folder, config, trained | flat_state(_trained_modules(parts)))
    facts = RunFacts(folder, config, dataset, extracted, model, history, clock.seconds, warnings, absent)
    write_results(facts, evaluation, events)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return TrainResult(folder, evaluation.metrics, warnings)


def _with_validation(records: list[VideoRecord], recipe: Recipe) -> tuple[VideoRecord, ...]:
    """A part of the training records set aside by group, where the recipe asks for it."""
    return tuple(carve_validation(records, recipe.training.val_fraction, recipe.training.seed))


def _data_facts(dataset: Dataset, counts: list[int]) -> dict[str, Any]:
    return {"layout": dataset.layout, "split": dataset.split_source, "train_counts": counts}


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


def _recognizer(recipe: Recipe, parts: Mapping[str, StreamParts]) -> Recognizer:
    torch.manual_seed(recipe.training.seed)
    return build_recognizer(recipe, {name: part.dim for name, part in parts.items()}, recipe.data.classes)


def _fit(
    model: Recognizer, dataset: Dataset, extracted: Extracted, fit_options: FitOptions, events: Events
) -> list[Row]:
    train_records = dataset.part("train")
    items = extracted.items(train_records, dataset.labels, variants_of(extracted.parts))
    val_items = extracted.items(dataset.part("val"), dataset.labels)
    events.step(f"training on {len(train_records)} videos, {model.recipe.training.epochs} epochs")
    if any(p.spec.augment and p.spec.augment.on_the_fly for p in extracted.parts.values()):
        clips = [ClipItem(r, extracted.key(r), dataset.labels.index(r.label or "")) for r in train_records]
        cache = extracted.store.root / "clips"
        return fit_on_the_fly(model.recipe, extracted.parts, model, clips, cache, fit_options)
    if not isinstance(model, SeparateRecognizer):
        return fit(model, items, val_items, fit_options)
    history = fit_separate(model, items, val_items, fit_options)
    events.step("fitting the linear SVM on the joined embeddings")
    fit_svm(model, extracted.items(train_records, dataset.labels), val_items)
    return history


def _epochs_shown(recipe: Recipe, events: Events) -> Callable[[Row], None]:
    spec = recipe.training
    backbone_epochs = spec.backbone.epochs if spec.backbone else BackboneTraining().epochs

    def show(row: Row) -> None:
        events.epoch(row, backbone_epochs if row["stage"].startswith("backbone") else spec.epochs)

    return show


def _trained_modules(parts: Mapping[str, StreamParts]) -> dict[str, torch.nn.Module]:
    return {
        f"backbone-{name}-{i}": backbone.module
        for name, part in parts.items()
        for i, backbone in enumerate(part.backbones)
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


def _backbone_facts(parts: Mapping[str, StreamParts]) -> dict[str, list[dict[str, str]]]:
    return {
        name: [
            {"name": b.spec.name, "features": b.features, "digest": b.digest, "source": b.source}
            for b in part.backbones
        ]
        for name, part in parts.items()
    }


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_open(folder / ".writable"):
            pass
        (folder / ".writable").unlink()
    except OSError as error:
        message = f"cannot write a run to {folder} ({error.strerror}); choose another folder with --out"
        raise (WorkError if error.errno == 28 else UsageError)(message) from None
    return folder
