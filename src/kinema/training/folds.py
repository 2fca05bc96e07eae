"""Folds of whole units inside the training videos, and the number of epochs that they choose."""

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..datasets.balance import folds_of_units
from ..model.calibration import Calibration
from ..model.items import FeatureDataset, FeatureItem, feature_loader
from ..model.recognizer import JointRecognizer
from ..model.ridge import best_temperature
from .fit import fit
from .stage import FitOptions, Row

# Few, because each is a whole training.
FOLDS = 3


def unit_folds(items: Sequence[FeatureItem], folds: int, seed: int) -> list[int] | None:
    """The fold of each item, `folds` of them at most, none of which cuts a unit; None for one unit alone."""
    units = [item.unit or str(number) for number, item in enumerate(items)]
    return folds_of_units(units, [str(item.label) for item in items], folds, seed)


def fit_by_folds(model: JointRecognizer, train: Sequence[FeatureItem], options: FitOptions) -> list[Row]:
    """Train `model` in place on all of `train`, for as many epochs as held-out folds did best with.

    Best is the least log loss behind a temperature of its own: what a temperature makes up for is no reason
    to stop. Those held-out scores calibrate the model. The history has their loss and accuracy as `val_loss`
    and `val_accuracy`. Folds are not resumed: what was stopped in them begins with them again.
    """
    folds = unit_folds(train, FOLDS, model.recipe.training.seed)
    if folds is None:
        options.on_note("one group alone has no folds: trained for all epochs, not calibrated")
        return fit(model, train, [], options)
    labels = np.array([item.label for item in train])
    held_out = _held_out(model, train, np.array(folds), options)
    tried = [best_temperature(logits.double().numpy(), labels) for logits in held_out]
    best = min(range(len(tried)), key=lambda epoch: tried[epoch][0])
    options.on_note(f"{best + 1} of {len(tried)} epochs, by {max(folds) + 1} folds of the training videos")
    history = fit(model, train, [], options, stop_at=best + 1)
    targets = torch.from_numpy(labels)
    for row, logits in zip(history, held_out, strict=False):
        row["val_loss"] = float(cross_entropy(logits, targets))
        row["val_accuracy"] = float((logits.argmax(1) == targets).float().mean())
    model.calibration = Calibration.of(held_out[best], targets, tried[best][1])
    return history


def _held_out(
    model: JointRecognizer, items: Sequence[FeatureItem], folds: np.ndarray, options: FitOptions
) -> Tensor:
    """Logits float32 [epochs, N, C] of each item after every epoch, by the training that did not see it."""
    found = torch.zeros(model.recipe.training.epochs, len(items), model.classes)
    for fold in np.unique(folds):
        inside = np.flatnonzero(folds == fold).tolist()
        held, learner = [items[i] for i in inside], copy.deepcopy(model)

        def note(row: Row, epochs: int, held=held, learner=learner, inside=inside) -> None:  # type: ignore[no-untyped-def]
            found[row["epoch"] - 1, inside] = _logits(learner, held)

        own = replace(options, checkpoints=None, resume=False, on_epoch=note, logger=None)
        fit(learner, [items[i] for i in np.flatnonzero(folds != fold).tolist()], [], own)
    return found


def _logits(model: JointRecognizer, items: Sequence[FeatureItem]) -> Tensor:
    """Logits float32 [N, C] of items, on the processor; `model` is left in training mode."""
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        rows = [
            model({name: part.to(device) for name, part in batch.streams.items()}).logits.float().cpu()
            for batch in feature_loader(FeatureDataset(items), model.recipe.training.batch)
        ]
    model.train()
    return torch.cat(rows)
