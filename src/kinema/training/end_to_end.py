"""Stages that run the backbone: from clips instead of stored features."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ..backbones.load import LoadedBackbone
from ..backbones.module import Backbone
from ..errors import UsageError
from ..features.keys import fingerprint
from ..model.batch import pad_rows
from ..model.head import Output, loss, scores
from ..model.recognizer import Recognizer
from ..pipeline import StreamParts, with_backbones
from ..recipe import BackboneTraining, Recipe
from .clips import ClipBatch, ClipDataset, ClipItem, clips_per_video, collate_clips
from .fit import FitOptions
from .samplers import EpochSampler
from .stage import Row, Stage, run_stage


class EndToEnd(nn.Module):
    """Backbones in front of a recogniser: clips -> features -> class scores."""

    def __init__(self, backbones: Mapping[str, Sequence[nn.Module]], recognizer: Recognizer):
        super().__init__()
        self.backbones = nn.ModuleDict({name: nn.ModuleList(found) for name, found in backbones.items()})
        self.recognizer = recognizer

    def forward(self, batch: ClipBatch) -> Output:
        """Class scores of a batch of videos."""
        sequences = {}
        for name, found in self.backbones.items():
            inputs = zip(found, batch.inputs[name], strict=True)  # type: ignore[call-overload]
            features = torch.cat([backbone(x) for backbone, x in inputs], dim=1)
            sequences[name] = pad_rows(features.split(batch.lengths[name].tolist()))
        return self.recognizer(sequences)


class ClipClassifier(nn.Module):
    """One backbone with a dense layer on its features: single clips -> class scores."""

    def __init__(self, backbone: nn.Module, dim: int, classes: int):
        super().__init__()
        self.backbone, self.head = backbone, nn.Linear(dim, classes)

    def forward(self, clips: Tensor) -> Output:
        """Clips [N, ...] -> class scores [N, C]."""
        return Output(self.head(self.backbone(clips)))


def train_backbones(
    recipe: Recipe,
    parts: Mapping[str, StreamParts],
    recognizer: Recognizer,
    items: Sequence[ClipItem],
    cache: Path,
    options: FitOptions,
) -> tuple[dict[str, StreamParts], list[Row]]:
    """The backbone stage: train the released blocks; returns the streams with their new backbones.

    With `unit: video` the recogniser is trained along and goes on from there in the temporal stage.
    """
    spec = recipe.training.backbone or BackboneTraining()
    released = {name: part for name, part in parts.items() if part.spec.train_blocks}
    if spec.unit == "video":
        if set(released) != set(parts):
            missing = next(name for name in parts if name not in released)
            raise UsageError(
                f"training.backbone.unit=video trains all streams together, and streams.{missing}"
                ".train_blocks is 0; set it too, or use unit=clip"
            )
        return _train_videos(recipe, spec, parts, recognizer, items, cache, options)
    trained, history = dict(parts), []
    for name, part in released.items():
        trained[name], rows = _train_clips(recipe, spec, part, items, cache, options)
        history += rows
    return trained, history


def fit_on_the_fly(
    recipe: Recipe,
    parts: Mapping[str, StreamParts],
    recognizer: Recognizer,
    items: Sequence[ClipItem],
    cache: Path,
    options: FitOptions,
) -> list[Row]:
    """The temporal stage with augmentation on the fly: the frozen backbone sees new frames every epoch."""
    backbones = {name: [b.module for b in part.backbones] for name, part in parts.items()}
    for found in backbones.values():
        for backbone in found:
            backbone.unfreeze(0)  # what a backbone stage released is done: its batch norm stays as well
    module = EndToEnd(backbones, recognizer)
    stage = _stage(
        recipe, "temporal", module, items, parts, cache, options, recipe.training.batch, augment=True
    )
    stage.spec = recipe.training
    return run_stage(stage, device=options.device)


def _train_videos(
    recipe: Recipe,
    spec: BackboneTraining,
    parts: Mapping[str, StreamParts],
    recognizer: Recognizer,
    items: Sequence[ClipItem],
    cache: Path,
    options: FitOptions,
) -> tuple[dict[str, StreamParts], list[Row]]:
    backbones = {name: [_released(b, part) for b in part.backbones] for name, part in parts.items()}
    module = EndToEnd(backbones, recognizer)
    augment = any(p.spec.augment and p.spec.augment.on_the_fly for p in parts.values())
    stage = _stage(recipe, "backbone", module, items, parts, cache, options, spec.batch, augment=augment)
    stage.spec = spec
    history = run_stage(stage, device=options.device)
    return {name: with_backbones(part, backbones[name]) for name, part in parts.items()}, history


def _train_clips(
    recipe: Recipe,
    spec: BackboneTraining,
    part: StreamParts,
    items: Sequence[ClipItem],
    cache: Path,
    options: FitOptions,
) -> tuple[StreamParts, list[Row]]:
    if len(part.backbones) > 1:
        raise UsageError(
            f"streams.{part.name}: unit=clip trains one backbone; use training.backbone.unit=video"
        )
    backbone = _released(part.backbones[0], part)
    name = f"backbone-{part.name}"
    digest = _clip_stage_digest(recipe, spec, part, items)
    kept = options.kept.reuse(name, digest, {f"{name}-0.": backbone})
    if kept is not None:
        options.on_note(f"stream {part.name}: unchanged, its trained backbone is kept")
        return with_backbones(part, [backbone]), kept
    torch.manual_seed(recipe.training.seed)
    module = ClipClassifier(backbone, part.dim, recipe.data.classes)
    few = replace(part, config=clips_per_video(part.config, spec.clips_per_video))
    stage = _stage(recipe, name, module, items, {part.name: few}, cache, options, spec.batch, augment=False)
    stage.spec = spec
    stage.objective = _ClipObjective(part.name)
    history = run_stage(stage, device=options.device)
    return with_backbones(part, [backbone]), history


def _clip_stage_digest(
    recipe: Recipe, spec: BackboneTraining, part: StreamParts, items: Sequence[ClipItem]
) -> str:
    return fingerprint(
        {
            "stream": part.settings(),
            "blocks": [part.spec.train_blocks, part.spec.batch_norm],
            "classes": recipe.data.classes,
            "training": {"seed": recipe.training.seed, **spec.model_dump(mode="json")},
            "items": [(item.key, item.label) for item in items],
        }
    )


def _released(loaded: LoadedBackbone, part: StreamParts) -> Backbone:
    module = copy.deepcopy(loaded.module)
    module.unfreeze(part.spec.train_blocks, part.spec.batch_norm)
    return module


def _stage(
    recipe: Recipe,
    name: str,
    module: nn.Module,
    items: Sequence[ClipItem],
    parts: Mapping[str, StreamParts],
    cache: Path,
    options: FitOptions,
    batch: int,
    *,
    augment: bool,
) -> Stage:
    dataset = ClipDataset(items, {n: p.config for n, p in parts.items()}, cache, augment=augment)
    sampler = EpochSampler([i.label for i in items], seed=recipe.training.seed)
    loader = DataLoader(dataset, batch_size=batch, sampler=sampler, collate_fn=collate_clips)

    def begin_epoch(epoch: int) -> None:
        dataset.epoch = epoch

    return Stage(
        name=name,
        module=module,
        objective=_VideoObjective(recipe),
        train=loader,
        val=None,
        spec=recipe.training,
        seed=recipe.training.seed,
        checkpoints=options.checkpoints,
        on_epoch=options.on_epoch,
        begin_epoch=begin_epoch,
        resume=options.resume,
    )


class _VideoObjective:
    """Loss and hits of whole videos."""

    def __init__(self, recipe: Recipe):
        self.classifier = recipe.classifier

    def __call__(self, module: nn.Module, batch: ClipBatch) -> tuple[Tensor, int, int]:
        output = module(batch)
        value = loss(output, batch.labels, self.classifier.activation)
        best = scores(output, self.classifier).argmax(1)
        return value, int((best == batch.labels).sum()), len(batch.labels)


class _ClipObjective:
    """Loss and hits of single clips, each with its video's label."""

    def __init__(self, stream: str):
        self.stream = stream

    def __call__(self, module: nn.Module, batch: ClipBatch) -> tuple[Tensor, int, int]:
        labels = batch.labels.repeat_interleave(batch.lengths[self.stream])
        output = module(batch.inputs[self.stream][0])
        value = loss(output, labels, "softmax")
        return value, int((output.logits.argmax(1) == labels).sum()), len(labels)
