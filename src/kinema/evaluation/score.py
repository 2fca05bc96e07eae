"""Class scores of videos from their stored features."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ..errors import WorkError
from ..model.batch import SequenceBatch
from ..model.items import FeatureDataset, FeatureItem, feature_loader
from ..model.recognizer import Recognizer

EVALUATION_BATCH = 32


def score_batch(model: Recognizer, batch: Mapping[str, SequenceBatch]) -> np.ndarray:
    """Class scores float32 [B, C] of one batch. Raises `WorkError` where they are not finite."""
    with torch.inference_mode():
        found = model.class_scores(batch).cpu().numpy()
    if not np.isfinite(found).all():
        raise WorkError("class scores are not finite; train the run again")
    return found


def score_items(
    model: Recognizer,
    items: Sequence[FeatureItem],
    *,
    shuffle_steps: int | None = None,
    numbers: Sequence[int] | None = None,
) -> np.ndarray:
    """Class scores float32 [N, C] of items, in order.

    `shuffle_steps` is the seed of a step permutation, which depends on an item's number (`FeatureDataset`).
    """
    model.eval()
    dataset = FeatureDataset(items, shuffle_steps=shuffle_steps, numbers=numbers)
    loader = feature_loader(dataset, EVALUATION_BATCH)
    rows = [score_batch(model, batch.streams) for batch in loader]
    return np.concatenate(rows) if rows else np.zeros((0, model.classes), np.float32)


def step_labels(model: Recognizer, item: FeatureItem) -> list[int]:
    """The best class at each step of one item, for a recipe that scores every step."""
    model.eval()
    (batch,) = feature_loader(FeatureDataset([item]), 1)
    with torch.inference_mode():
        return model(batch.streams).logits[0].argmax(1).tolist()
