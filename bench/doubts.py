"""Labels that look wrong: how many planted ones `kinema train` finds, and how many others it names.

    python bench/doubts.py SET... [--weights DIR] [--features DIR] [--share 0.05] [--draws 5]

A SET is any data folder; all its videos are trained on by `lite`, once as they are and, for each draw, with a
share of the labels exchanged for another class at random. Labels that were wrong before count as others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from _closed import fitted
from _sets import extracted_set, set_arguments
from kinema.cli.console import ConsoleEvents
from kinema.datasets.units import group_units
from kinema.evaluation.kernel import weighted_kernel
from kinema.evaluation.label_doubts import label_doubts
from kinema.model.items import FeatureItem
from kinema.resources import Resources
from kinema.training.closed import block_sizes, embeddings


def doubted(items: Sequence[FeatureItem], units: Sequence[str], dim: int, classes: int) -> list[int]:
    """The rows whose labels are doubted, surest first."""
    model, row = fitted("lite", {"rgb": dim}, items, classes=classes)
    shares = [float(value) for key, value in row.items() if key.startswith("share ")]
    x = embeddings(model, items)
    kernel = weighted_kernel(x, block_sizes(model), shares, np.arange(len(x)))
    labels = np.array([item.label for item in items])
    return [doubt.row for doubt in label_doubts(kernel, labels, units, classes)]


def main() -> None:
    """Extract, plant, print."""
    parser = set_arguments(__doc__)
    parser.add_argument("--share", type=float, default=0.05, help="of labels that are exchanged")
    parser.add_argument("--draws", type=int, default=5)
    args = parser.parse_args()
    resources = Resources(weights=args.weights, features=args.features, workers=1, device="cpu")
    with ConsoleEvents() as events:
        for root in args.sets:
            extracted = extracted_set(root, "lite", resources, events)
            labels = sorted({r.label or "" for r in extracted.records})
            items = extracted.items(extracted.records, labels)
            units, dim = group_units(extracted.records), extracted.streams["rgb"].dim
            classes = len(labels)
            print(f"{root.name}, {len(items)} videos")
            print(f"  as they are: {len(doubted(items, units, dim, classes))} doubted")
            for draw in range(args.draws):
                random = np.random.default_rng(draw)
                planted = random.choice(len(items), round(args.share * len(items)), replace=False)
                wrong = list(items)
                for row in planted:
                    label = (items[row].label + random.integers(1, classes)) % classes
                    wrong[row] = replace(items[row], label=int(label))
                found = doubted(wrong, units, dim, classes)
                hits = len(set(found) & set(planted.tolist()))
                eight = len(set(found[:8]) & set(planted.tolist()))
                print(
                    f"  draw {draw}: {hits} of {len(planted)} planted and {len(found) - hits} others;"
                    f" of the surest {len(found[:8])}, {eight} planted",
                    flush=True,
                )


if __name__ == "__main__":
    main()
