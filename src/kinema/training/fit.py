"""The temporal stage: train a recogniser on feature sequences, stored or computed anew in every epoch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from ..extraction.loaded import LoadedStream
from ..model.batch import Batch
from ..model.head import ClassObjective, Output
from ..model.items import FeatureDataset, FeatureItem, feature_loader
from ..model.recognizer import Recognizer
from ..model.separate import SeparateRecognizer
from ..temporal.standardize import Standardize
from ..types import FeatureSequence
from .clips import ClipItem, Clips, version_of
from .samplers import EpochSampler, balance
from .stage import FitOptions, Row, Stage, run_stage

# Training data that change with the epoch, which the sampler of their order tells.
Fresh = Callable[[EpochSampler], FeatureDataset]


def fit(
    model: Recognizer,
    train: Sequence[FeatureItem],
    val: Sequence[FeatureItem],
    options: FitOptions,
    *,
    stream: str | None = None,
    fresh: Fresh | None = None,
    stop_at: int | None = None,
    watched: Sequence[FeatureItem] = (),
) -> list[Row]:
    """Train `model` in place, all streams together or one by its own head; the history, one row per epoch.

    `fresh` gives the sequences of the training items where they are not those of the store. `stop_at` is the
    last epoch, where it is not the recipe's. `watched` are test items whose loss and accuracy are noted too.
    """
    spec = model.recipe.training
    labels = [item.label for item in train]
    order, weights = balance(spec, labels, classes=model.classes, seed=spec.seed)
    streams = [stream] if stream else list(model.streams)
    for each in streams:
        standardize(model, each, train)
    data = fresh(order) if fresh else FeatureDataset(only(train, streams))
    module: nn.Module = model
    if stream:
        assert isinstance(model, SeparateRecognizer)
        module = nn.ModuleList([model.streams[stream], model.heads[stream]])

    def output(_: nn.Module, batch: Batch) -> Output:
        if stream is None:
            return model(batch.streams)
        assert isinstance(model, SeparateRecognizer)
        return model.stream_output(stream, batch.streams[stream])

    return run_stage(
        Stage(
            name=f"temporal-{stream}" if stream else "temporal",
            module=module,
            objective=ClassObjective(model.recipe.classifier, weights, output),
            train=feature_loader(data, spec.batch, sampler=order),
            val=feature_loader(FeatureDataset(only(val, streams)), spec.batch) if val else None,
            watched=feature_loader(FeatureDataset(only(watched, streams)), spec.batch) if watched else None,
            spec=spec,
            seed=spec.seed,
            options=options,
            stop_at=stop_at,
        )
    )


def standardize(model: Recognizer, stream: str, items: Sequence[FeatureItem]) -> None:
    """Mean and spread of the stream's features over the training items, where the recipe asks for them."""
    layer: Any = model.streams[stream].standardize
    if isinstance(layer, Standardize):
        dataset = FeatureDataset(only(items, [stream]))
        batches = (b.streams[stream] for b in feature_loader(dataset, model.recipe.training.batch))
        layer.fit((b.data, b.lengths) for b in batches)


def only(items: Sequence[FeatureItem], streams: Sequence[str]) -> list[FeatureItem]:
    """The items with the files of these streams alone."""
    return [replace(item, files={s: item.files[s] for s in streams}) for item in items]


class FreshSequences(FeatureDataset):
    """Sequences computed anew from augmented `videos`, the clips of `items` in the same order."""

    def __init__(
        self,
        items: Sequence[FeatureItem],
        videos: Clips,
        streams: Mapping[str, LoadedStream],
        epochs: EpochSampler,
    ):
        super().__init__(items)
        self.videos, self.epochs = videos, epochs
        self.computes = {name: stream.compute for name, stream in streams.items()}

    def __getitem__(self, index: int) -> tuple[int, dict[str, FeatureSequence], int]:
        return index, {name: self._sequence(index, name) for name in self.computes}, self.items[index].label

    def _sequence(self, index: int, name: str) -> FeatureSequence:
        clips = self.videos.of(self.videos.items[index], name, version_of(self.epochs))
        compute = self.computes[name]
        features = (
            compute([clip.inputs for clip in clips]) if clips else np.zeros((0, compute.dim), np.float32)
        )
        return FeatureSequence(features, np.array([c.pts_seconds for c in clips]), present=bool(clips))


def fit_on_the_fly(
    model: Recognizer,
    streams: Mapping[str, LoadedStream],
    videos: Sequence[ClipItem],
    train: Sequence[FeatureItem],
    val: Sequence[FeatureItem],
    options: FitOptions,
    watched: Sequence[FeatureItem] = (),
) -> list[Row]:
    """`fit`, but the sequences of `train` come from the clips of `videos`, the same ones in the same order.

    Validation sequences are those of the store. In memory are the clips of one video and what `Clips` keeps.
    """
    ((_, first), *_) = streams.items()
    clips = Clips(videos, {name: stream.spec for name, stream in streams.items()}, first.tools)
    return fit(
        model,
        train,
        val,
        options,
        fresh=lambda order: FreshSequences(train, clips, streams, order),
        watched=watched,
    )
