"""Does `predict --risk` keep its word: how often the true class is left out, and a class that is not known.

    python bench/risk.py SET... [--weights DIR] [--features DIR] [--recipe lite] [--folds 5] [--seeds 3]

A SET is any data folder, split into folds of whole groups (files, where no groups are known), anew for each
seed. `left out` is the share of test videos whose true class is not among the candidates, with its standard
deviation over folds, `single` of those with one candidate. `unknown`, where three classes or more are there:
trained without one class at a time, the share of that class's videos that are answered by "none of these".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from _closed import fitted
from _sets import extracted_set, set_arguments
from kinema.cli.console import ConsoleEvents
from kinema.datasets.balance import assign_folds
from kinema.evaluation.score import score_items
from kinema.model.items import FeatureItem
from kinema.resources import Resources

RISKS = (0.05, 0.1, 0.2)
Items = Sequence[FeatureItem]


class Counts:
    """What happened to test videos, each a bool [risks, N] for every fold and seed."""

    def __init__(self) -> None:
        self.left_out: list[np.ndarray] = []
        self.single: list[np.ndarray] = []
        self.unknown: list[np.ndarray] = []

    def table(self) -> str:
        """A line for each risk."""
        lines = []
        for k, risk in enumerate(RISKS):
            spread = np.std([part[k].mean() for part in self.left_out])
            line = f"  risk {risk:4.0%}   left out {_mean(self.left_out, k)} +- {spread:.1%}"
            line += f"   single {_mean(self.single, k)}"
            lines.append(line + (f"   unknown {_mean(self.unknown, k)}" if self.unknown else ""))
        return "\n".join(lines)


def _mean(parts: list[np.ndarray], k: int) -> str:
    return f"{np.concatenate(parts, 1)[k].mean():6.1%}"


def candidates(recipe_name: str, dims: dict[str, int], train: Items, test: Items, seed: int) -> np.ndarray:
    """Which classes are candidates, bool [risks, N, C], by the recipe fitted on `train`."""
    classes = max(item.label for item in train) + 1
    model, _ = fitted(recipe_name, dims, train, classes=classes, seed=seed)
    assert model.calibration is not None
    scores = score_items(model, test)
    return np.stack([scores >= model.calibration.bound(risk) for risk in RISKS])


def without(items: Items, label: int) -> list[FeatureItem]:
    """The items of all other classes, whose labels close the gap."""
    return [replace(i, label=i.label - (i.label > label)) for i in items if i.label != label]


def measure(items: Items, dims: dict[str, int], recipe: str, folds: int, seeds: int) -> Counts:
    """Every fold of every seed."""
    counts, labels = Counts(), sorted({item.label for item in items})
    for seed in range(seeds):
        fold_of = np.array(assign_folds([i.unit for i in items], [str(i.label) for i in items], folds, seed))
        for fold in range(folds):
            train = [items[i] for i in np.flatnonzero(fold_of != fold)]
            test = [items[i] for i in np.flatnonzero(fold_of == fold)]
            found = candidates(recipe, dims, train, test, seed)
            truth = np.array([item.label for item in test])
            counts.left_out.append(~found[:, np.arange(len(test)), truth])
            counts.single.append(found.sum(2) == 1)
            for label in labels if len(labels) > 2 else ():
                strange = [item for item in test if item.label == label]
                answers = candidates(recipe, dims, without(train, label), strange, seed)
                counts.unknown.append(~answers.any(2))
    return counts


def main() -> None:
    """Extract, fit, count, print."""
    parser = set_arguments(__doc__)
    parser.add_argument("--recipe", choices=("lite", "lite-motion"), default="lite")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    resources = Resources(weights=args.weights, features=args.features, workers=1, device="cpu")
    with ConsoleEvents() as events:
        for root in args.sets:
            extracted = extracted_set(root, args.recipe, resources, events)
            items = extracted.items(extracted.records, sorted({r.label or "" for r in extracted.records}))
            dims = {name: stream.dim for name, stream in extracted.streams.items()}
            counts = measure(items, dims, args.recipe, args.folds, args.seeds)
            print(f"{root.name}, {len(items)} videos, {args.recipe}, {args.folds} folds, {args.seeds} seeds")
            print(counts.table(), flush=True)


if __name__ == "__main__":
    main()
