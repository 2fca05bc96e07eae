"""The backbone stage: train the released blocks of the streams' backbones, on videos or on single clips."""

import copy
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader

from ..backbones.load import LoadedBackbone
from ..backbones.module import Backbone
from ..errors import UsageError
from ..extraction.loaded import LoadedStream
from ..keys import fingerprint
from ..model.batch import pad_rows
from ..model.head import ClassObjective, Output
from ..model.recognizer import Recognizer
from ..recipe import BackboneTraining, Classifier, Recipe
from ..streams import StreamSettings
from .clips import ClipBatch, ClipDataset, Clips, VideoDataset, clips_per_video, collate_clips
from .mix import MixedObjective
from .samplers import balance
from .stage import FitOptions, Row, Stage, run_stage


def clip_streams(recipe: Recipe, streams: Mapping[str, LoadedStream]) -> dict[str, StreamSettings]:
    """What the backbone stage reads: each stream with `train_blocks`, sampled for it."""
    spec = recipe.training.backbone or BackboneTraining()
    released = {name: stream.spec for name, stream in streams.items() if stream.spec.train_blocks}
    if spec.unit == "video":
        return released
    return {name: clips_per_video(stream, spec.clips_per_video) for name, stream in released.items()}


def train_backbones(
    recipe: Recipe,
    streams: Mapping[str, LoadedStream],
    recognizer: Recognizer,
    train: Clips,
    val: Clips,
    options: FitOptions,
) -> tuple[dict[str, LoadedStream], list[Row]]:
    """Train the released blocks on clips of `clip_streams`; the streams with new backbones, and the history.

    With `unit: video` the recogniser is trained along and goes on from there in the temporal stage. `val` may
    be empty; its videos are watched by `stop_after`, `keep` and `plateau`.
    """
    stage = _BackboneStage(recipe, train, val, options)
    released = {name: stream for name, stream in streams.items() if stream.spec.train_blocks}
    if stage.spec.unit == "video":
        if set(released) != set(streams):
            missing = next(name for name in streams if name not in released)
            raise UsageError(
                f"training.backbone.unit=video trains all streams together, and streams.{missing}"
                ".train_blocks is 0; set it too, or use unit=clip"
            )
        return stage.videos(streams, recognizer)
    trained, history = dict(streams), []
    for name, stream in released.items():
        trained[name], rows = stage.clips(stream)
        history += rows
    return trained, history


class _BackboneStage:
    """The stage's settings, its videos, and the two ways to train on them."""

    def __init__(self, recipe: Recipe, train: Clips, val: Clips, options: FitOptions):
        self.recipe, self.train, self.val, self.options = recipe, train, val, options
        self.spec = recipe.training.backbone or BackboneTraining()

    def videos(
        self, streams: Mapping[str, LoadedStream], recognizer: Recognizer
    ) -> tuple[dict[str, LoadedStream], list[Row]]:
        """All streams together, on all clips of each video, in front of the recogniser."""
        backbones = {
            name: [_released(b, stream) for b in stream.backbones] for name, stream in streams.items()
        }
        module = EndToEnd(backbones, recognizer, self.spec.chunk)
        augment = any(stream.spec.augments for stream in streams.values())
        history = self._run("backbone", module, self.recipe.classifier, VideoDataset, augment=augment)
        return {name: stream.with_backbones(backbones[name]) for name, stream in streams.items()}, history

    def clips(self, stream: LoadedStream) -> tuple[LoadedStream, list[Row]]:
        """One stream by itself, on single clips."""
        if len(stream.backbones) > 1:
            raise UsageError(
                f"streams.{stream.name}: unit=clip trains one backbone; use training.backbone.unit=video"
            )
        name, backbone = f"backbone-{stream.name}", _released(stream.backbones[0], stream)
        kept = self.options.kept.reuse(name, self._digest(stream), {f"{name}-0.": backbone})
        if kept is not None:
            self.options.on_note(f"stream {stream.name}: unchanged, its trained backbone is kept")
            return stream.with_backbones([backbone]), kept
        torch.manual_seed(self.recipe.training.seed)
        module = ClipClassifier(stream.name, backbone, stream.dim, self.recipe.data.classes, self.spec.chunk)
        history = self._run(
            name, module, Classifier(), lambda c: ClipDataset(c, stream.name), augment=stream.spec.augments
        )
        return stream.with_backbones([backbone]), history

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
        objective = ClassObjective(classifier, weights)
        if self.spec.mix is not None:
            objective = MixedObjective(classifier, weights, self.spec.mix, self.recipe.data.classes)
        return run_stage(
            Stage(
                name=name,
                module=module,
                objective=objective,
                train=DataLoader(train, self.spec.batch, sampler=order, collate_fn=collate_clips),
                val=DataLoader(val, self.spec.batch, collate_fn=collate_clips) if len(val) else None,
                spec=self.spec,
                seed=seed,
                options=self.options,
            )
        )

    def _digest(self, stream: LoadedStream) -> str:
        """Everything that decides the values of one stream's backbone."""
        training = self.spec.model_dump(mode="json", exclude={"chunk"})
        return fingerprint(
            {
                "stream": stream.settings(variant=1),
                "blocks": [stream.spec.train_blocks, stream.spec.batch_norm],
                "classes": self.recipe.data.classes,
                "training": {"seed": self.recipe.training.seed, **training},
                "items": [[(i.key, i.label) for i in clips.items] for clips in (self.train, self.val)],
            }
        )


def _released(loaded: LoadedBackbone, stream: LoadedStream) -> Backbone:
    module = copy.deepcopy(loaded.module)
    module.unfreeze(stream.spec.train_blocks, stream.spec.batch_norm)
    return module


class EndToEnd(nn.Module):
    """Backbones in front of a recogniser: clips -> features -> class scores."""

    def __init__(
        self,
        backbones: Mapping[str, Sequence[nn.Module]],
        recognizer: Recognizer,
        chunk: int | None = None,
    ):
        super().__init__()
        self.chunk = chunk
        self.backbones = nn.ModuleDict({name: nn.ModuleList(found) for name, found in backbones.items()})
        self.recognizer = recognizer

    def forward(self, batch: ClipBatch) -> Output:
        """Class scores of a batch of videos."""
        sequences = {}
        for name, found in self.backbones.items():
            inputs = zip(found, batch.inputs[name], strict=True)  # type: ignore[call-overload]
            features = torch.cat([in_chunks(backbone, x, self.chunk) for backbone, x in inputs], dim=1)
            sequences[name] = pad_rows(features.split(batch.lengths[name].tolist()))
        return self.recognizer(sequences)


class ClipClassifier(nn.Module):
    """The backbone of one stream with a dense layer on its features: single clips -> class scores."""

    def __init__(self, stream: str, backbone: nn.Module, dim: int, classes: int, chunk: int | None = None):
        super().__init__()
        self.chunk = chunk
        self.stream, self.backbone, self.head = stream, backbone, nn.Linear(dim, classes)

    def forward(self, batch: ClipBatch) -> Output:
        """Class scores of a batch of single clips."""
        (clips,) = batch.inputs[self.stream]
        return Output(self.head(in_chunks(self.backbone, clips, self.chunk)))


def in_chunks(backbone: nn.Module, clips: Tensor, chunk: int | None) -> Tensor:
    """Features [N, D] of clips [N, ...], `chunk` of them at a time; None takes all at once.

    A chunk leaves its features alone in memory, and is computed again on the way back: the gradient is
    that of all clips at once where none of the backbone's layers mixes clips.
    """
    if chunk is None or len(clips) <= chunk:
        features: Tensor = backbone(clips)
        return features
    return torch.cat([checkpoint(backbone, part, use_reentrant=False) for part in clips.split(chunk)])
