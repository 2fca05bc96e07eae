"""What every stage minimises: the loss of class scores, with the hits that the history counts."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..model.head import Output, loss, scores
from ..recipe import Classifier


class ClassObjective:
    """Loss and hits of a batch: `output(module, batch)` are its class scores, `weights` [C] its classes'."""

    def __init__(
        self,
        classifier: Classifier,
        weights: Tensor | None,
        output: Callable[[nn.Module, Any], Output] = lambda module, batch: module(batch),
    ):
        self.classifier, self.weights, self.output = classifier, weights, output

    def __call__(self, module: nn.Module, batch: Any) -> tuple[Tensor, int, int]:
        """(loss, number of items scored right, number of items)."""
        output, labels = self.output(module, batch), batch.labels
        weights = None if self.weights is None else self.weights.to(labels.device)
        value = loss(output, labels, self.classifier.activation, weights)
        with torch.no_grad():
            best = scores(output, self.classifier).argmax(1)
        return value, int((best == labels).sum()), len(labels)
