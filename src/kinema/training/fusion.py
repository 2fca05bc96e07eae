"""The fusion stage: a linear SVM on the embeddings of separately trained streams."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..fusion import ConcatSvm
from ..model.items import FeatureDataset, FeatureItem, feature_loader
from ..model.separate import SeparateRecognizer
from ..model.svm import fit


def fit_svm(model: SeparateRecognizer, train: Sequence[FeatureItem], held_out: Sequence[FeatureItem]) -> None:
    """Fit the model's SVM on training embeddings; calibrate it on held-out items where there are any."""
    fusion = model.recipe.fusion
    if not isinstance(fusion, ConcatSvm):
        raise ValueError("the recipe's fusion has no SVM")
    labels = torch.tensor([item.label for item in train])
    seed = model.recipe.training.seed
    model.svm = fit(_inputs(model, train), labels, classes=model.classes, l2=fusion.svm_l2, seed=seed)
    if held_out:
        labels = torch.tensor([item.label for item in held_out])
        model.svm = model.svm.calibrate(_inputs(model, held_out), labels)


def _inputs(model: SeparateRecognizer, items: Sequence[FeatureItem]) -> Tensor:
    model.eval()
    loader = feature_loader(FeatureDataset(items), batch_size=32)
    with torch.inference_mode():
        return torch.cat([model.svm_input(batch.streams).cpu() for batch in loader])
