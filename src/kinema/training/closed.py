"""The temporal stage without gradients: statistics are standardised, the linear head is solved for."""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from ..fusion.bilinear_net import BilinearNet
from ..model import ridge
from ..model.batch import SequenceBatch
from ..model.calibration import Calibration
from ..model.items import FeatureDataset, FeatureItem, feature_loader
from ..model.recognizer import JointRecognizer
from ..temporal.model import TemporalModel
from ..temporal.moments import Moments
from ..temporal.moments_net import MomentsNet
from .fit import only, standardize
from .folds import unit_folds
from .samplers import class_weights
from .stage import Row


def fit_closed(model: JointRecognizer, train: Sequence[FeatureItem]) -> list[Row]:
    """Fit `model` in place and calibrate it by folds of whole units; returns one row of history.

    An item's `unit` (group or file) is never cut by a fold. With fewer than two units there are no folds:
    equal shares, a strength of 1, and no calibration.
    """
    started = time.monotonic()
    spec, training = model.recipe.temporal, model.recipe.training
    assert isinstance(spec, Moments)
    fit_statistics(model, train)
    labels = np.array([item.label for item in train])
    x, sizes = embeddings(model, train), block_sizes(model)
    weights = None
    if training.class_balance != "none":
        weights = class_weights(torch.from_numpy(labels), model.classes).numpy()[labels]
    found = ridge.fit(
        x,
        labels,
        sizes,
        classes=model.classes,
        folds=unit_folds(train, spec.folds, training.seed),
        sample_weights=weights,
    )
    (head,) = model.head.layers
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(found.weights))
        head.bias.copy_(torch.from_numpy(found.offsets))
    scores = x @ found.weights.T + found.offsets
    row: Row = {"stage": "temporal", "epoch": 1, "train_loss": _loss(scores, labels, found.temperature)}
    row["train_accuracy"] = float((scores.argmax(1) == labels).mean())
    if len(found.held_out):
        model.calibration = Calibration.of(
            torch.from_numpy(found.held_out), torch.from_numpy(labels), found.temperature
        )
        row["val_loss"] = _loss(found.held_out, labels, found.temperature)
        row["val_accuracy"] = float((found.held_out.argmax(1) == labels).mean())
    row["strength"] = found.strength
    row |= {f"share {name}": float(v) for name, v in zip(block_names(model), found.shares, strict=True)}
    model.eval()
    return [row | {"seconds": round(time.monotonic() - started, 3)}]


def fit_statistics(model: JointRecognizer, train: Sequence[FeatureItem]) -> None:
    """Take the scales of the statistics, and what joins the streams, over the training videos; the head is
    left as it is.
    """
    for stream in model.streams:
        standardize(model, stream, train)
        _moments(model, stream).fit(partial(_sequences, model, stream, train))
    if isinstance(model.fusion, BilinearNet):
        with torch.no_grad():
            rows = [list(model.embeddings(batch).values()) for batch in _batches(train)]
        model.fusion.fit([torch.cat(parts) for parts in zip(*rows, strict=True)])


def embeddings(model: JointRecognizer, items: Sequence[FeatureItem]) -> np.ndarray:
    """The statistics of items, float64 [N, E], in blocks of `block_sizes`."""
    with torch.no_grad():
        rows = [model.embed(batch) for batch in _batches(items)]
    return torch.cat(rows).double().numpy()


def block_sizes(model: JointRecognizer) -> list[int]:
    """The number of values of every block of the embedding, in order."""
    own = [size for stream in model.streams for size in _moments(model, stream).blocks.values()]
    return own + (model.fusion.products if isinstance(model.fusion, BilinearNet) else [])


def block_names(model: JointRecognizer) -> list[str]:
    """`stream.statistic` of every block of the embedding, in order; `first x stream` of products."""
    own = [f"{stream}.{name}" for stream in model.streams for name in _moments(model, stream).blocks]
    first, *others = model.streams
    return own + ([f"{first} x {s}" for s in others] if isinstance(model.fusion, BilinearNet) else [])


def _moments(model: JointRecognizer, stream: str) -> MomentsNet:
    net = model.streams[stream].temporal
    assert isinstance(net, MomentsNet)
    return net


def _sequences(
    model: JointRecognizer, stream: str, items: Sequence[FeatureItem]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Padded batches of one stream as its statistics see them: [B, T, D] and lengths [B]."""
    temporal = model.streams[stream]
    assert isinstance(temporal, TemporalModel)
    for batch in _batches(only(items, [stream])):
        part = batch[stream]
        with torch.no_grad():
            yield temporal.encoded(part.data), part.lengths


def _batches(items: Sequence[FeatureItem]) -> Iterator[Mapping[str, SequenceBatch]]:
    return (batch.streams for batch in feature_loader(FeatureDataset(items), 32))


def _loss(scores: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    logits = torch.from_numpy(scores) / temperature
    return float(nn.functional.cross_entropy(logits, torch.from_numpy(labels)))
