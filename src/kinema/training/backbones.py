"""The backbone stage: train the released blocks of the streams' backbones, on videos or on single clips."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.utils.data import DataLoader

from ..backbones.load import LoadedBackbone
from ..backbones.module import Backbone
from ..errors import UsageError
from ..features.keys import fingerprint
from ..model.recognizer import Recognizer
from ..pipeline import StreamParts, with_backbones
from ..recipe import BackboneTraining, Classifier, Recipe
from ..streams.source import SourceConfig
from .clips import ClipDataset, Clips, VideoDataset, clips_per_video, collate_clips
from .end_to_end import ClipClassifier, EndToEnd
from .objective import ClassObjective
from .samplers import balance
from .stage import FitOptions, Row, Stage, run_stage


def clip_sources(recipe: Recipe, parts: Mapping[str, StreamParts]) -> dict[str, SourceConfig]:
    """What the backbone stage reads: the source of each stream with `train_blocks`."""
    spec = recipe.training.backbone or BackboneTraining()
    released = {name: part.config for name, part in parts.items() if part.spec.train_blocks}
    if spec.unit == "video":
        return released
    return {name: clips_per_video(config, spec.clips_per_video) for name, config in released.items()}


def train_backbones(
    recipe: Recipe,
    parts: Mapping[str, StreamParts],
    recognizer: Recognizer,
    train: Clips,
    val: Clips,
    options: FitOptions,
) -> tuple[dict[str, StreamParts], list[Row]]:
    """Train the released blocks on clips of `clip_sources`; the streams with new backbones, and the history.

    With `unit: video` the recogniser is trained along and goes on from there in the temporal stage. `val` may
    be empty; its videos are watched by `stop_after`, `keep` and `plateau`.
    """
    stage = _BackboneStage(recipe, train, val, options)
    released = {name: part for name, part in parts.items() if part.spec.train_blocks}
    if stage.spec.unit == "video":
        if set(released) != set(parts):
            missing = next(name for name in parts if name not in released)
            raise UsageError(
                f"training.backbone.unit=video trains all streams together, and streams.{missing}"
                ".train_blocks is 0; set it too, or use unit=clip"
            )
        return stage.videos(parts, recognizer)
    trained, history = dict(parts), []
    for name, part in released.items():
        trained[name], rows = stage.clips(part)
        history += rows
    return trained, history


class _BackboneStage:
    """The stage's settings, its videos, and the two ways to train on them."""

    def __init__(self, recipe: Recipe, train: Clips, val: Clips, options: FitOptions):
        self.recipe, self.train, self.val, self.options = recipe, train, val, options
        self.spec = recipe.training.backbone or BackboneTraining()

    def videos(
        self, parts: Mapping[str, StreamParts], recognizer: Recognizer
    ) -> tuple[dict[str, StreamParts], list[Row]]:
        """All streams together, on all clips of each video, in front of the recogniser."""
        backbones = {name: [_released(b, part) for b in part.backbones] for name, part in parts.items()}
        module = EndToEnd(backbones, recognizer)
        augment = any(_on_the_fly(part) for part in parts.values())
        history = self._run("backbone", module, self.recipe.classifier, VideoDataset, augment=augment)
        return {name: with_backbones(part, backbones[name]) for name, part in parts.items()}, history

    def clips(self, part: StreamParts) -> tuple[StreamParts, list[Row]]:
        """One stream by itself, on single clips."""
        if len(part.backbones) > 1:
            raise UsageError(
                f"streams.{part.name}: unit=clip trains one backbone; use training.backbone.unit=video"
            )
        name, backbone = f"backbone-{part.name}", _released(part.backbones[0], part)
        kept = self.options.kept.reuse(name, self._digest(part), {f"{name}-0.": backbone})
        if kept is not None:
            self.options.on_note(f"stream {part.name}: unchanged, its trained backbone is kept")
            return with_backbones(part, [backbone]), kept
        torch.manual_seed(self.recipe.training.seed)
        module = ClipClassifier(part.name, backbone, part.dim, self.recipe.data.classes)
        history = self._run(
            name, module, Classifier(), lambda c: ClipDataset(c, part.name), augment=_on_the_fly(part)
        )
        return with_backbones(part, [backbone]), history

    def _run(
        self,
        name: str,
        module: nn.Module,
        classifier: Classifier,
        units: Callable[[Clips], VideoDataset | ClipDataset],
        *,
        augment: bool,
    ) -> list[Row]:
        train, val, seed = units(self.train), units(self.val), self.recipe.training.seed
        order, weights = balance(self.spec, train.labels, classes=self.recipe.data.classes, seed=seed)
        train.epochs = order if augment else None
        return run_stage(
            Stage(
                name=name,
                module=module,
                objective=ClassObjective(classifier, weights),
                train=DataLoader(train, self.spec.batch, sampler=order, collate_fn=collate_clips),
                val=DataLoader(val, self.spec.batch, collate_fn=collate_clips) if len(val) else None,
                spec=self.spec,
                seed=seed,
                options=self.options,
            )
        )

    def _digest(self, part: StreamParts) -> str:
        """Everything that decides the values of one stream's backbone."""
        augment = part.spec.augment
        return fingerprint(
            {
                "stream": part.settings(),
                "blocks": [part.spec.train_blocks, part.spec.batch_norm],
                "augment": augment.model_dump(mode="json") if augment else None,
                "classes": self.recipe.data.classes,
                "training": {"seed": self.recipe.training.seed, **self.spec.model_dump(mode="json")},
                "items": [[(i.key, i.label) for i in clips.items] for clips in (self.train, self.val)],
            }
        )


def _on_the_fly(part: StreamParts) -> bool:
    return part.spec.augment is not None and part.spec.augment.on_the_fly


def _released(loaded: LoadedBackbone, part: StreamParts) -> Backbone:
    module = copy.deepcopy(loaded.module)
    module.unfreeze(part.spec.train_blocks, part.spec.batch_norm)
    return module
