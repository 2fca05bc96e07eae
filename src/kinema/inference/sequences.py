"""The first rung of prediction: feature sequences in, class scores and embeddings out. Needs no backbone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..errors import WorkError
from ..evaluation.score import score_batch
from ..model.batch import SequenceBatch, pad
from ..model.recognizer import Recognizer
from ..types import FeatureSequence, Prediction


@dataclass(frozen=True, slots=True)
class SequencePredictor:
    """A trained recogniser with the names of its classes, in the order of the scores."""

    labels: tuple[str, ...]
    model: Recognizer

    def predict(self, features: Mapping[str, FeatureSequence], path: Path = Path()) -> Prediction:
        """Class scores from the feature sequence of every stream; `path` is where they come from."""
        return Prediction(path, self.labels, score_batch(self.model, _batch(features))[0])

    def embed(self, features: Mapping[str, FeatureSequence]) -> np.ndarray:
        """The embedding float32 [E] of feature sequences."""
        return self.embed_batch(_batch(features))[0]

    def embed_batch(self, batch: Mapping[str, SequenceBatch]) -> np.ndarray:
        """Embeddings float32 [B, E] of a batch of feature sequences. Raises `WorkError` for NaN."""
        with torch.inference_mode():
            found = self.model.embed(batch).float().cpu().numpy()
        if not np.isfinite(found).all():
            raise WorkError("embeddings are not finite; train the run again")
        return found


def _batch(features: Mapping[str, FeatureSequence]) -> dict[str, SequenceBatch]:
    return {name: pad([sequence]) for name, sequence in features.items()}
