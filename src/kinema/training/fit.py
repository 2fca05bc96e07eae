"""The temporal stage: train a recogniser on feature sequences."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from ..model.batch import Batch
from ..model.head import Output
from ..model.items import FeatureDataset, FeatureItem, feature_loader
from ..model.recognizer import Recognizer
from ..model.separate import SeparateRecognizer
from ..temporal.standardize import Standardize
from .objective import ClassObjective
from .samplers import EpochSampler, balance
from .stage import FitOptions, Row, Stage, run_stage

# Training data that change with the epoch, which the sampler of their order tells.
Fresh = Callable[[EpochSampler], FeatureDataset]


def fit(
    model: Recognizer,
    train: Sequence[FeatureItem],
    val: Sequence[FeatureItem],
    options: FitOptions,
    fresh: Fresh | None = None,
) -> list[Row]:
    """Train `model` in place, all streams together; returns the history, one row per epoch.

    `fresh` gives the sequences of the training items where they are not those of the store. Streams that are
    trained separately: see `kinema.training.separate`.
    """
    return fit_stage("temporal", model, model, None, train, val, options, fresh)


def fit_stage(
    name: str,
    model: Recognizer,
    part: nn.Module,
    stream: str | None,
    train: Sequence[FeatureItem],
    val: Sequence[FeatureItem],
    options: FitOptions,
    fresh: Fresh | None = None,
) -> list[Row]:
    """Run one temporal stage: `part` of `model`, on all streams or on one by its own head."""
    spec = model.recipe.training
    labels = [item.label for item in train]
    order, weights = balance(spec, labels, classes=model.classes, seed=spec.seed)
    streams = [stream] if stream else list(model.streams)
    for each in streams:
        standardize(model, each, train)
    data = fresh(order) if fresh else FeatureDataset(only(train, streams))

    def output(_: nn.Module, batch: Batch) -> Output:
        if stream is None:
            return model(batch.streams)
        assert isinstance(model, SeparateRecognizer)
        return model.stream_output(stream, batch.streams[stream])

    return run_stage(
        Stage(
            name=name,
            module=part,
            objective=ClassObjective(model.recipe.classifier, weights, output),
            train=feature_loader(data, spec.batch, sampler=order),
            val=feature_loader(FeatureDataset(only(val, streams)), spec.batch) if val else None,
            spec=spec,
            seed=spec.seed,
            options=options,
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
    return [FeatureItem({s: item.files[s] for s in streams}, item.label) for item in items]
