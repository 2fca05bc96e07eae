"""The fusion stage: a linear SVM on the embeddings of separately trained streams."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..model.batch import FeatureDataset, FeatureItem, feature_loader
from ..model.recognizer import Recognizer
from ..model.svm import LinearSVM, fit


def fit_svm(model: Recognizer, train: Sequence[FeatureItem], held_out: Sequence[FeatureItem]) -> LinearSVM:
    """Fit on training embeddings; calibrate probabilities on held-out items where there are any."""
    recipe = model.recipe
    if recipe.fusion is None:
        raise ValueError("the recipe has no fusion")
    svm = fit(
        _inputs(model, train),
        torch.tensor([i.label for i in train]),
        classes=model.classes,
        l2=recipe.fusion.svm_l2,
        seed=recipe.training.seed,
    )
    if not held_out:
        return svm
    return svm.calibrate(_inputs(model, held_out), torch.tensor([i.label for i in held_out]))


def _inputs(model: Recognizer, items: Sequence[FeatureItem]) -> Tensor:
    model.eval()
    loader = feature_loader(FeatureDataset(items), batch_size=32)
    with torch.inference_mode():
        return torch.cat([model.svm_input(batch.streams).cpu() for batch in loader])
