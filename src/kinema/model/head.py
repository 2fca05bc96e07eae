"""From embeddings to class scores: the dense head, its loss, and the scores of videos."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..recipe import Classifier
from ..temporal.pooling import absent_steps, mean_steps
from ..temporal.vote import vote


@dataclass(frozen=True, slots=True)
class Output:
    """`logits` [B, C], or [B, T, C] with their lengths where every step is scored."""

    logits: Tensor
    lengths: Tensor | None = None


class Scored(NamedTuple):
    """The loss of a batch, a mean; how many of its `items` were scored right; what the mean is over.

    `mass` is the number of steps or the sum of the weights; left out, it is `items`.
    """

    loss: Tensor
    hits: int
    items: int
    mass: Tensor | None = None


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


def loss(output: Output, labels: Tensor, activation: str, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy; over every valid step where steps are scored. `labels` are classes [B], or shares of the
    classes float [B, C] where videos are scored as a whole.

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


def mass(output: Output, labels: Tensor, weights: Tensor | None) -> Tensor | None:
    """What `loss` is a mean over: valid steps, or the weights of labels; None for videos, each once."""
    if output.lengths is None and (weights is None or labels.ndim > 1):
        return None
    of_each = torch.ones(len(labels), device=labels.device) if weights is None else weights[labels]
    return of_each.sum() if output.lengths is None else (of_each * output.lengths.to(of_each)).sum()


def scores(output: Output, classifier: Classifier) -> Tensor:
    """Class scores of videos, [B, C]: softmax or sigmoid, and the vote over steps where steps are scored."""
    found = activated(output.logits, classifier)
    if output.lengths is None:
        return found
    if classifier.vote == "max":
        absent = absent_steps(output.lengths.to(found.device), found.shape[1]).unsqueeze(2)
        return found.masked_fill(absent, 0.0).amax(1)
    if classifier.vote == "mean":
        return mean_steps(found, output.lengths)
    return vote(found, output.lengths)


def activated(logits: Tensor, classifier: Classifier) -> Tensor:
    """Softmax over the last axis, or sigmoid, of logits [..., C]."""
    return torch.sigmoid(logits) if classifier.activation == "sigmoid" else torch.softmax(logits, dim=-1)


class ClassObjective:
    """Loss and hits of a batch: `output(module, batch)` are its class scores, `weights` [C] its classes'."""

    def __init__(
        self,
        classifier: Classifier,
        weights: Tensor | None,
        output: Callable[[nn.Module, Any], Output] = lambda module, batch: module(batch),
    ):
        self.classifier, self.weights, self.output = classifier, weights, output

    def __call__(self, module: nn.Module, batch: Any) -> Scored:
        """The loss, and how many items are scored right."""
        output, labels = self.output(module, batch), batch.labels
        weights = None if self.weights is None else self.weights.to(labels.device)
        value = loss(output, labels, self.classifier.activation, weights)
        with torch.no_grad():
            best = scores(output, self.classifier).argmax(1)
            wanted = labels if labels.ndim == 1 else labels.argmax(1)
        return Scored(value, int((best == wanted).sum()), len(labels), mass(output, labels, weights))
