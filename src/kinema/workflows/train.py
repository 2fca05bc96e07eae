"""A folder of videos becomes a run: scan -> extract -> fit -> evaluate -> report."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ..atomic import atomic_open, write_text
from ..datasets import Dataset, carve_validation, check_trainable, ensure_split, load_dataset
from ..errors import UsageError, WorkError
from ..features.fingerprint import fingerprint
from ..fusion.concat_svm import LinearSVM
from ..pipeline import StreamParts
from ..recipe import Recipe, load_recipe
from ..recognizer import Recognizer
from ..run import RunConfig, flat_state, save_run
from ..training.fit import FitOptions, fit
from ..training.fusion import fit_svm
from ..types import VideoRecord
from .evaluate import Evaluation, Subsets, evaluate_model
from .events import SILENT, Events
from .prepare import Extracted, extract_streams, variants_of
from .resolve import assemble, resolve
from .write_report import RunFacts, data_warnings, write_run_report


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Everything about a training that is not the recipe."""

    layout: str = "auto"
    split: int = 1
    weights: str | Path | None = None
    features: str | Path | None = None
    workers: int | None = None
    device: str = "auto"
    fresh: bool = False
    download: bool = True
    subsets: Subsets | None = None


@dataclass(slots=True)
class TrainResult:
    """A finished run: its folder, metrics.json's content, and the warnings shown in the report."""

    run: Path
    metrics: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


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
    dataset = ensure_split(
        load_dataset(data, layout=options.layout, split=options.split), resolved.training.seed
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
        model, svm, history = _fit(recipe, dataset, extracted, folder, options, events)
    counts = [row["train"] for row in dataset.counts().values()]
    with clock("evaluate"):
        events.step(f"evaluating on {len(dataset.part('test'))} test videos")
        evaluation = evaluate_model(
            model, svm, extracted, dataset, train_counts=counts, subsets=options.subsets
        )
    evaluation.metrics |= {"quarantined": len(extracted.quarantined), "absent": len(absent)}
    config = RunConfig(recipe, dataset.labels, _backbone_facts(parts), _data_facts(dataset, counts))
    svm_state = {f"svm.{k}": v for k, v in svm.to_tensors().items()} if svm else {}
    save_run(folder, config, flat_state({"recognizer": model}) | svm_state)
    facts = RunFacts(folder, config, dataset, extracted, model, history, clock.seconds, warnings, absent)
    _write_results(facts, evaluation, events)
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


def _fit(
    recipe: Recipe,
    dataset: Dataset,
    extracted: Extracted,
    folder: Path,
    options: TrainOptions,
    events: Events,
) -> tuple[Recognizer, LinearSVM | None, list[dict[str, Any]]]:
    torch.manual_seed(recipe.training.seed)
    model = Recognizer(recipe, {n: p.dim for n, p in extracted.parts.items()}, len(dataset.labels))
    train_records = dataset.part("train")
    items = extracted.items(train_records, dataset.labels, variants_of(extracted.parts))
    val_items = extracted.items(dataset.part("val"), dataset.labels)
    checkpoints = folder / "checkpoints"
    events.step(f"training on {len(train_records)} videos, {recipe.training.epochs} epochs")
    fit_options = FitOptions(
        checkpoints,
        resume=_resumable(checkpoints, recipe, items, options.fresh),
        on_epoch=lambda row: events.epoch(row, recipe.training.epochs),
        device=options.device,
    )
    history = fit(model, items, val_items, fit_options)
    if not model.separate:
        return model, None, history
    events.step("fitting the linear SVM on the joined embeddings")
    svm = fit_svm(model, extracted.items(train_records, dataset.labels), val_items)
    return model, svm, history


def _resumable(checkpoints: Path, recipe: Recipe, items: list[Any], fresh: bool) -> bool:
    """Whether the checkpoints here belong to exactly this training; others are removed."""
    state = {
        "recipe": recipe.model_dump(mode="json"),
        "items": [[str(p) for p in i.files.values()] for i in items],
    }
    digest = fingerprint(state)
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


def _write_results(facts: RunFacts, evaluation: Evaluation, events: Events) -> None:
    write_text(facts.folder / "metrics.json", json.dumps(evaluation.metrics, indent=2) + "\n")
    with atomic_open(facts.folder / "history.jsonl") as file:
        file.writelines(json.dumps(row) + "\n" for row in facts.history)
    events.step("writing the report")
    write_run_report(facts, evaluation)


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
