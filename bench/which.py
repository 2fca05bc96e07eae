"""Which head: `lite` and `lite-motion` against linear SVMs on the same features, over folds and seeds.

    python bench/which.py SET... [--weights DIR] [--features DIR] [--folds 5] [--seeds 3] [--motion]

A SET is any data folder; official splits are left out. Each is split into `--folds` folds of whole groups
(files, where no groups are known), anew for each seed. Columns: a linear SVM (scikit-learn, C = 1, on values
as they are or standardised) on the mean over time and on four statistics (mean, standard deviation, mean
absolute step, second half minus first half), then the recipes as `kinema train` fits them. Mean and standard
deviation of the accuracy are over folds and seeds; ECE is pooled over a seed's folds.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from _closed import fitted
from _sets import extracted_set, set_arguments
from kinema.cli.console import ConsoleEvents
from kinema.datasets.balance import assign_folds
from kinema.evaluation.calibration import calibration_metrics
from kinema.evaluation.score import score_items
from kinema.extraction.extracted import Extracted
from kinema.features.sequence_file import read_sequence
from kinema.model.items import FeatureItem
from kinema.recipe import load_recipe
from kinema.resources import Resources

Scores = dict[str, list[float]]


def four_statistics(x: np.ndarray) -> np.ndarray:
    """[T, D] -> the mean, then three statistics that see time, [4 D]."""
    half = len(x) // 2
    steps = np.abs(np.diff(x, axis=0)).mean(0) if len(x) > 1 else np.zeros(x.shape[1])
    late = x[len(x) - half :].mean(0) - x[:half].mean(0) if half else np.zeros(x.shape[1])
    return np.concatenate([x.mean(0), x.std(0), steps, late])


def svms(x: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> list[float]:
    """Accuracy of a linear SVM on values as they are, and standardised."""
    scaler = StandardScaler().fit(x[train])
    found = []
    for values in (x, scaler.transform(x)):
        machine = LinearSVC(C=1.0, random_state=0).fit(values[train], labels[train])
        found.append(float(machine.score(values[test], labels[test])))
    return found


def recipe_scores(
    name: str,
    extracted: Extracted,
    items: Sequence[FeatureItem],
    split: tuple[np.ndarray, np.ndarray],
    seed: int,
) -> np.ndarray:
    """Class probabilities of the test items by a recipe fitted on the training items."""
    classes = max(item.label for item in items) + 1
    dims = {s: extracted.streams[s].dim for s in load_recipe(name).streams}
    chosen = [FeatureItem({s: i.files[s] for s in dims}, i.label, i.unit) for i in items]
    model, _ = fitted(name, dims, [chosen[i] for i in split[0]], classes=classes, seed=seed)
    return score_items(model, [chosen[i] for i in split[1]])


def measure(extracted: Extracted, recipes: Sequence[str], folds: int, seeds: int) -> tuple[Scores, Scores]:
    """Accuracies by column, one a fold and seed; ECE by recipe, one a seed."""
    labels_of = sorted({r.label or "" for r in extracted.records})
    items = extracted.items(extracted.records, labels_of)
    labels = np.array([item.label for item in items])
    four = np.stack([four_statistics(read_sequence(item.files["rgb"]).data) for item in items])
    dim = four.shape[1] // 4
    units = [item.unit for item in items]
    accuracy: Scores = {}
    errors: Scores = {}
    for seed in range(seeds):
        fold_of = np.array(assign_folds(units, [str(label) for label in labels], folds, seed))
        scores = {name: np.zeros((len(items), len(labels_of))) for name in recipes}
        for fold in range(folds):
            train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
            for column, x in (("mean", four[:, :dim]), ("four", four)):
                for how, value in zip(("", " std"), svms(x, labels, train, test), strict=True):
                    accuracy.setdefault(f"SVM {column}{how}", []).append(value)
            for name in recipes:
                scores[name][test] = recipe_scores(name, extracted, items, (train, test), seed)
                hits = scores[name][test].argmax(1) == labels[test]
                accuracy.setdefault(name, []).append(float(hits.mean()))
        for name in recipes:
            errors.setdefault(name, []).append(calibration_metrics(scores[name], labels)["ece"])
    return accuracy, errors


def main() -> None:
    """Extract, fit, print."""
    parser = set_arguments(__doc__)
    parser.add_argument("--runtime", choices=("torch", "openvino"), default="torch")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--motion", action="store_true", help="lite-motion too")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    recipes = ["lite", "lite-motion"] if args.motion else ["lite"]
    resources = Resources(
        weights=args.weights, features=args.features, runtime=args.runtime, workers=1, device="cpu"
    )
    found: dict[str, Any] = {}
    with ConsoleEvents() as events:
        for root in args.sets:
            extracted = extracted_set(root, recipes[-1], resources, events)
            accuracy, errors = measure(extracted, recipes, args.folds, args.seeds)
            found[root.name] = {"videos": len(extracted.records), "accuracy": accuracy, "ece": errors}
            print(f"{root.name}, {len(extracted.records)} videos, {args.folds} folds, {args.seeds} seeds")
            for column, values in accuracy.items():
                ece = f"   ECE {np.mean(errors[column]):.3f}" if column in errors else ""
                print(f"  {column:<14} {np.mean(values):.4f} +- {np.std(values):.4f}{ece}")
            sys.stdout.flush()
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
