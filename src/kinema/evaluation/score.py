"""Class scores of videos from their stored features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ..model.batch import FeatureDataset, FeatureItem, SequenceBatch, feature_loader
from ..model.recognizer import Recognizer, scores
from ..model.svm import LinearSVM

EVALUATION_BATCH = 32


def score_batch(
    model: Recognizer, batch: Mapping[str, SequenceBatch], svm: LinearSVM | None = None
) -> np.ndarray:
    """Class scores float32 [B, C] of one batch. With separate streams the SVM gives them."""
    with torch.inference_mode():
        if svm is not None:
            joined = model.svm_input(batch).cpu()
            # Margins until held-out data has calibrated them into probabilities.
            return (svm.decision(joined) if svm.scale is None else svm.probabilities(joined)).numpy()
        return scores(model(batch), model.recipe.classifier).float().cpu().numpy()


def score_items(
    model: Recognizer,
    items: Sequence[FeatureItem],
    svm: LinearSVM | None = None,
    *,
    shuffle_steps: int | None = None,
) -> np.ndarray:
    """Class scores float32 [N, C] of items, in order. `shuffle_steps` is the seed of a step permutation."""
    model.eval()
    loader = feature_loader(FeatureDataset(items, shuffle_steps=shuffle_steps), EVALUATION_BATCH)
    rows = [score_batch(model, batch.streams, svm) for batch in loader]
    return np.concatenate(rows) if rows else np.zeros((0, model.classes), np.float32)


def step_labels(model: Recognizer, item: FeatureItem) -> list[int]:
    """The best class at each step of one item, for a recipe that scores every step."""
    model.eval()
    (batch,) = feature_loader(FeatureDataset([item]), 1)
    with torch.inference_mode():
        return model(batch.streams).logits[0].argmax(1).tolist()
