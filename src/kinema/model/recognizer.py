"""The trained half of a recipe as one module: feature sequences of all streams -> class scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..fusion.weighted_average import build_fusion
from ..recipe import Classifier, Recipe
from ..temporal.model import TemporalModel
from ..temporal.pooling import absent_steps
from ..temporal.vote import vote
from .batch import SequenceBatch


@dataclass(frozen=True, slots=True)
class Output:
    """`logits` [B, C], or [B, T, C] with their lengths where every step is scored."""

    logits: Tensor
    lengths: Tensor | None = None


class Head(nn.Module):
    """Embedding -> class scores: one dense layer, or two with ReLU between where `hidden` is set."""

    def __init__(self, spec: Classifier, input_size: int, classes: int):
        super().__init__()
        sizes = [input_size, *([spec.hidden] if spec.hidden else []), classes]
        layers: list[nn.Module] = []
        for a, b in pairwise(sizes):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[..., E] -> [..., C]."""
        return self.layers(x)


def temporal_model(recipe: Recipe, stream: str, dim: int) -> TemporalModel:
    """The temporal model of one stream, whose features have `dim` dimensions."""
    standardize = bool(recipe.streams[stream].standardize)
    return TemporalModel(recipe.temporal, dim, recipe.encoder, standardize=standardize)


class Recognizer(nn.Module):
    """One temporal model per stream, fusion, and one shared head (or a head per stream where stages are
    separate, and the SVM joins the embeddings later).

    `dims` gives the feature dimension of each stream, in recipe order.
    """

    def __init__(self, recipe: Recipe, dims: Mapping[str, int], classes: int):
        super().__init__()
        self.recipe, self.classes = recipe, classes
        models = {name: temporal_model(recipe, name, dim) for name, dim in dims.items()}
        self.streams = nn.ModuleDict(models)
        sizes = [model.embedding_size for model in models.values()]
        self.separate = recipe.training.stages == "separate"
        self.fusion: nn.Module | None = None
        self.head: Head | None = None
        # A single stream has nothing to fuse, but the SVM may take the place of its softmax.
        if recipe.fusion is not None and (len(sizes) > 1 or self.separate):
            self.fusion = build_fusion(recipe.fusion, sizes)
        if self.separate:
            heads = zip(self.streams, sizes, strict=True)
            self.heads = nn.ModuleDict({n: Head(recipe.classifier, s, classes) for n, s in heads})
            self.embedding_size = sum(sizes)
            return
        self.embedding_size = self.fusion.output_size if self.fusion else sizes[0]
        self.head = Head(recipe.classifier, self.embedding_size, classes)

    def embeddings(self, batch: Mapping[str, SequenceBatch]) -> dict[str, Tensor]:
        """Embedding [B, E] of each stream ([B, T, E] where every step is kept)."""
        return {name: model(batch[name].data, batch[name].lengths) for name, model in self.streams.items()}

    def embed(self, batch: Mapping[str, SequenceBatch]) -> Tensor:
        """The video embedding [B, E]: fused, or all streams side by side; a mean over steps where kept."""
        parts = self.embeddings(batch)
        if self.recipe.classifier.per_step:
            name = next(iter(parts))
            return _masked_mean(parts[name], batch[name].lengths)
        if self.fusion is not None and not self.separate:
            return self._fuse(parts, batch)
        return torch.cat(list(parts.values()), dim=1)

    def svm_input(self, batch: Mapping[str, SequenceBatch]) -> Tensor:
        """What the SVM of separate stages sees: the embeddings side by side, and a presence flag a stream."""
        return self._fuse(self.embeddings(batch), batch)

    def forward(self, batch: Mapping[str, SequenceBatch]) -> Output:
        """Class scores of a batch. Not for separate stages: see `stream_output`."""
        if self.head is None:
            raise ValueError("streams are trained separately; their embeddings meet in the SVM")
        parts = self.embeddings(batch)
        if self.fusion is not None:
            return Output(self.head(self._fuse(parts, batch)))
        name, embedding = next(iter(parts.items()))
        lengths = batch[name].lengths if self.recipe.classifier.per_step else None
        return Output(self.head(embedding), lengths)

    def stream_output(self, name: str, batch: SequenceBatch) -> Output:
        """Class scores of one stream by its own head (separate stages)."""
        return Output(self.heads[name](self.streams[name](batch.data, batch.lengths)))

    def _fuse(self, parts: dict[str, Tensor], batch: Mapping[str, SequenceBatch]) -> Tensor:
        if self.fusion is None:
            raise ValueError("a single stream has nothing to fuse")
        present = torch.stack([batch[name].lengths > 0 for name in parts], dim=1)
        return self.fusion(list(parts.values()), present)


def loss(output: Output, labels: Tensor, activation: str, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy; over every valid step where steps are scored.

    With sigmoid outputs it is Keras' categorical cross-entropy, in which the outputs are divided by their
    sum first (vgg16-lstm paper, Algorithm 2): -log(s_y / sum_j s_j).
    """
    logits = output.logits
    if output.lengths is not None:
        valid = ~absent_steps(output.lengths, logits.shape[1])
        labels = labels.unsqueeze(1).expand(valid.shape)[valid]
        logits = logits[valid]
    if activation == "sigmoid":
        logits = F.logsigmoid(logits)
    return F.cross_entropy(logits, labels, weight=weights)


def scores(output: Output, classifier: Classifier) -> Tensor:
    """Class scores of videos, [B, C]: softmax or sigmoid, and the vote over steps where steps are scored."""
    raw = output.logits
    activated = torch.sigmoid(raw) if classifier.activation == "sigmoid" else torch.softmax(raw, dim=-1)
    if output.lengths is None:
        return activated
    if classifier.vote == "mean":
        return _masked_mean(activated, output.lengths)
    return vote(activated, output.lengths)


def _masked_mean(x: Tensor, lengths: Tensor) -> Tensor:
    keep = (~absent_steps(lengths, x.shape[1])).unsqueeze(2)
    return (x * keep).sum(1) / keep.sum(1).clamp(min=1)


def trainable_parameters(module: nn.Module) -> int:
    """Number of values that training changes."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
