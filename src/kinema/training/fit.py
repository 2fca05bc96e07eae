"""The temporal stage: train a recogniser on feature sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..model.batch import Batch
from ..model.head import Output, loss, scores
from ..model.items import FeatureDataset, FeatureItem, feature_loader
from ..model.recognizer import Recognizer
from ..recipe import Recipe
from ..temporal.standardize import Standardize
from .reuse import Kept
from .samplers import EpochSampler, class_weights
from .stage import OnEpoch, Row, Stage, run_stage


@dataclass(frozen=True, slots=True)
class FitOptions:
    """Where checkpoints go, whether to resume, whom to tell, on which device, what is kept."""

    checkpoints: Path
    resume: bool = False
    device: str = "auto"
    on_epoch: OnEpoch = lambda row: None
    on_note: Callable[[str], None] = lambda text: None
    kept: Kept = field(default_factory=Kept)


def fit(
    model: Recognizer,
    train: Sequence[FeatureItem],
    val: Sequence[FeatureItem],
    options: FitOptions,
) -> list[Row]:
    """Train `model` in place, all streams together; returns the history, one row per epoch.

    Streams that are trained separately: see `kinema.training.separate`.
    """
    return fit_stage("temporal", model, model, None, train, val, options)


def fit_stage(
    name: str,
    model: Recognizer,
    part: nn.Module,
    stream: str | None,
    train: Sequence[FeatureItem],
    val: Sequence[FeatureItem],
    options: FitOptions,
) -> list[Row]:
    """Run one temporal stage: `part` of `model`, on all streams or on one by its own head."""
    recipe = model.recipe
    spec = recipe.training
    labels = [item.label for item in train]
    weights = None
    if spec.class_balance == "weights":
        weights = class_weights(torch.tensor(labels), model.classes)
    sampler = EpochSampler(labels, seed=spec.seed, balanced=spec.class_balance == "sampler")
    streams = [stream] if stream else list(model.streams)
    for each in streams:
        _standardize(model, each, train)
    stage = Stage(
        name=name,
        module=part,
        objective=Objective(model, recipe, stream, weights),
        train=feature_loader(FeatureDataset(only(train, streams)), spec.batch, sampler=sampler),
        val=feature_loader(FeatureDataset(only(val, streams)), spec.batch) if val else None,
        spec=spec,
        seed=spec.seed,
        checkpoints=options.checkpoints,
        on_epoch=options.on_epoch,
        resume=options.resume,
    )
    return run_stage(stage, device=options.device)


def _standardize(model: Recognizer, stream: str, items: Sequence[FeatureItem]) -> None:
    """Mean and spread of the stream's features over the training items, where the recipe asks for them."""
    layer = model.streams[stream].standardize
    if isinstance(layer, Standardize):
        dataset = FeatureDataset(only(items, [stream]))
        batches = (b.streams[stream] for b in feature_loader(dataset, model.recipe.training.batch))
        layer.fit((b.data, b.lengths) for b in batches)


def only(items: Sequence[FeatureItem], streams: Sequence[str]) -> list[FeatureItem]:
    """The items with the files of these streams alone."""
    return [FeatureItem({s: item.files[s] for s in streams}, item.label) for item in items]


class Objective:
    """Loss and hits of a batch, for all streams together or for one stream by its own head."""

    def __init__(self, model: Recognizer, recipe: Recipe, stream: str | None, weights: Tensor | None):
        self.model, self.recipe, self.stream, self.weights = model, recipe, stream, weights

    def __call__(self, module: nn.Module, batch: Batch) -> tuple[Tensor, int, int]:
        """(loss, number of videos scored right, number of videos)."""
        device = next(module.parameters()).device
        streams = {name: s.to(device) for name, s in batch.streams.items()}
        labels = batch.labels.to(device)
        output = self._output(streams)
        weights: Any = self.weights.to(device) if self.weights is not None else None
        value = loss(output, labels, self.recipe.classifier.activation, weights)
        with torch.no_grad():
            best = scores(output, self.recipe.classifier).argmax(1)
        return value, int((best == labels).sum()), len(labels)

    def _output(self, streams: Any) -> Output:
        if self.stream is None:
            return self.model(streams)
        return self.model.stream_output(self.stream, streams[self.stream])  # type: ignore[operator]
