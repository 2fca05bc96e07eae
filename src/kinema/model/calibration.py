"""What held-out videos say about scores: a temperature, and a bound below which no class is likely."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import UsageError

# Held-out probabilities that a run keeps; more add nothing to a bound.
KEPT = 2000


@dataclass(frozen=True, slots=True)
class Calibration:
    """`temperature` divides the logits ahead of the softmax (Guo et al. 2017, arXiv:1706.04599).

    `true_scores` float32 [n], ascending, are the probabilities that held-out videos gave to their true
    class: a class is among a video's candidates at risk r unless its probability is under the k-th of them,
    k = floor(r (n + 1)) (split conformal prediction; Sadinle, Lei and Wasserman 2019, arXiv:1609.00451).
    """

    temperature: float
    true_scores: Tensor

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor, temperature: float) -> Calibration:
        """From logits [n, C] of held-out videos and their classes [n]."""
        probabilities = (logits / temperature).softmax(1)
        scores = probabilities[torch.arange(len(labels)), labels].float().sort().values
        if len(scores) > KEPT:
            scores = scores[torch.linspace(0, len(scores) - 1, KEPT).round().long()]
        return cls(temperature, scores)

    def bound(self, risk: float) -> float:
        """The least probability of a candidate, so that the true class of a video of a known class is left
        out with a probability of `risk` at most. Raises `UsageError` where there are too few held-out videos.
        """
        count = len(self.true_scores)
        place = math.floor(risk * (count + 1) + 1e-9) if 0 < risk < 1 else 0
        if place < 1:
            raise UsageError(
                f"a risk of {risk:g} cannot be held with {count} held-out videos;"
                f" give one from {1 / (count + 1):.3g} to below 1"
            )
        return float(self.true_scores[min(place, count) - 1])

    def to_tensors(self) -> dict[str, Tensor]:
        """The whole state, ready for safetensors."""
        return {"temperature": torch.tensor(self.temperature), "true_scores": self.true_scores}

    @classmethod
    def from_tensors(cls, state: Mapping[str, Tensor]) -> Calibration:
        """The inverse of `to_tensors`. Raises ValueError where names or values are others."""
        if set(state) != {"temperature", "true_scores"} or state["true_scores"].dim() != 1:
            raise ValueError("these are not a calibration's tensors")
        temperature = float(state["temperature"])
        if not 0 < temperature < math.inf:
            raise ValueError(f"a temperature of {temperature} makes no probabilities")
        return cls(temperature, state["true_scores"])
