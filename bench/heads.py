"""Which temporal model: all kinds on the features of `lite`, over folds and seeds, alone and with `moments`.

    python bench/heads.py SET... [--weights DIR] [--features DIR] [--folds 5] [--seeds 2] [--temporal ...]

A SET is any data folder; official splits are left out. Folds are of whole groups (files, where no groups
are known), anew for each seed. Each kind is fitted plainly (12 epochs of Adam at 2e-3, dropout 0.3) and, with
`+`, held back: standardised features, dropout 0.5, weight decay, and the number of epochs by folds of whole
groups inside the training videos, which calibrate it too. `moments & KIND` is the mean of the two's
probabilities. Mean and standard deviation of the accuracy are over folds and seeds; ECE and log loss are
pooled over a seed's folds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from _sets import extracted_set, set_arguments
from kinema.cli.console import ConsoleEvents
from kinema.datasets.balance import assign_folds
from kinema.evaluation.calibration import calibration_metrics
from kinema.evaluation.score import score_items
from kinema.model.build import build_recognizer
from kinema.model.items import FeatureItem
from kinema.model.recognizer import JointRecognizer
from kinema.recipe import changed, load_recipe
from kinema.resources import Resources
from kinema.training.closed import fit_closed
from kinema.training.fit import fit
from kinema.training.folds import fit_by_folds
from kinema.training.stage import FitOptions

KINDS: dict[str, dict[str, Any]] = {
    "mean": {"kind": "mean"},
    "gru": {"kind": "gru", "units": 128, "pool": "mean"},
    "lstm": {"kind": "lstm", "units": 128, "pool": "mean"},
    "attentive": {"kind": "attentive", "units": 128},
    "transformer": {"kind": "transformer", "units": 128},
}
PLAIN = {"temporal.dropout": 0.3, "training.epochs": 12, "training.lr": 2e-3}
HELD_BACK = {
    "training.epochs": 12,
    "training.lr": 2e-3,
    "temporal.dropout": 0.5,
    "streams.rgb.standardize": True,
    "training.weight_decay": 1e-3,
    "training.keep": "folds",
}
HEADS = [kind + how for kind in KINDS for how in ("", "+")]
TINY = 1e-12


def scores(
    name: str, items: Sequence[FeatureItem], split: tuple[np.ndarray, np.ndarray], dim: int, seed: int
) -> np.ndarray:
    """Class probabilities of the test items by `moments`, or by a kind, plain or (`+`) held back."""
    classes = max(item.label for item in items) + 1
    recipe = changed(load_recipe("lite"), {"data.classes": classes, "training.seed": seed})
    if name != "moments":
        recipe = changed(recipe, {"temporal": KINDS[name.rstrip("+")]})
        recipe = changed(recipe, HELD_BACK if name.endswith("+") else PLAIN)
    torch.manual_seed(seed)
    model = build_recognizer(recipe, {"rgb": dim}, classes)
    assert isinstance(model, JointRecognizer)
    train, test = ([items[i] for i in part] for part in split)
    options = FitOptions(None, device="cpu")
    if name == "moments":
        fit_closed(model, train)
    elif name.endswith("+"):
        fit_by_folds(model, train, options)
    else:
        fit(model, train, [], options)
    return score_items(model, test)


@dataclass(slots=True)
class Column:
    """What one head scored: accuracies by fold and seed; ECE and log loss by seed; seconds a training."""

    accuracy: list[float] = field(default_factory=list)
    ece: list[float] = field(default_factory=list)
    log_loss: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, found: np.ndarray, labels: np.ndarray, fold_of: np.ndarray) -> None:
        """One seed's probabilities of all items, each by the fold that did not see it."""
        hits = found.argmax(1) == labels
        self.accuracy += [float(hits[fold_of == fold].mean()) for fold in np.unique(fold_of)]
        self.ece.append(calibration_metrics(found, labels)["ece"])
        self.log_loss.append(float(-np.log(found[np.arange(len(labels)), labels] + TINY).mean()))

    def __str__(self) -> str:
        return (
            f"{np.mean(self.accuracy):.4f} +- {np.std(self.accuracy):.4f}   ECE {np.mean(self.ece):.3f}"
            f"   log loss {np.mean(self.log_loss):.3f}   {self.seconds:.1f} s"
        )


def measure(
    items: Sequence[FeatureItem], names: Sequence[str], dim: int, folds: int, seeds: int
) -> dict[str, Column]:
    """Every head by name, and its mean with `moments`."""
    labels = np.array([item.label for item in items])
    columns: dict[str, Column] = {}
    for seed in range(seeds):
        fold_of = np.array(assign_folds([i.unit for i in items], [str(v) for v in labels], folds, seed))
        by_name: dict[str, np.ndarray] = {}
        for name in names:
            started, found = time.monotonic(), np.zeros((len(items), int(labels.max()) + 1))
            for fold in range(folds):
                split = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
                found[split[1]] = scores(name, items, split, dim, seed)
            by_name[name] = found
            column = columns.setdefault(name, Column())
            column.seconds += (time.monotonic() - started) / folds / seeds
            column.add(found, labels, fold_of)
        for name in names[1:]:
            joined = (by_name["moments"] + by_name[name]) / 2
            columns.setdefault(f"moments & {name}", Column()).add(joined, labels, fold_of)
    return columns


def main() -> None:
    """Extract, fit, print."""
    parser = set_arguments(__doc__)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--temporal", nargs="+", choices=HEADS, default=HEADS, metavar="KIND")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    resources = Resources(weights=args.weights, features=args.features, workers=1, device="cpu")
    names = ["moments", *args.temporal]
    found: dict[str, Any] = {}
    with ConsoleEvents() as events:
        for root in args.sets:
            extracted = extracted_set(root, "lite", resources, events)
            items = extracted.items(extracted.records, sorted({r.label or "" for r in extracted.records}))
            columns = measure(items, names, extracted.streams["rgb"].dim, args.folds, args.seeds)
            found[root.name] = {name: vars_of(column) for name, column in columns.items()}
            print(f"{root.name}, {len(items)} videos, {args.folds} folds, {args.seeds} seeds")
            for name, column in columns.items():
                print(f"  {name:<24} {column}")
            sys.stdout.flush()
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


def vars_of(column: Column) -> dict[str, Any]:
    """A column as plain data."""
    return {"accuracy": column.accuracy, "ece": column.ece, "log_loss": column.log_loss}


if __name__ == "__main__":
    main()
