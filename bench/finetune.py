"""Do fine-tuned last blocks beat the frozen backbone on a small real set? With and without augmentation.

    python bench/finetune.py DATA --weights DIR [--folds 3] [--blocks 3] [--epochs 4] [--only NAME ...]

Every row is trained on the same folds of whole groups (files, where no groups are known) with the recipe
`lite` and a GRU, which sees the features of the frozen or the fine-tuned MobileNetV2. Accuracy is the mean
over folds; every video is tested once. `kinema train` takes the same settings, as printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from kinema.cli.console import ConsoleEvents
from kinema.datasets import load_dataset
from kinema.datasets.balance import assign_folds
from kinema.resources import Resources
from kinema.types import VideoRecord
from kinema.workflows.train import train

GRU = ("temporal={kind: gru, units: 128, pool: mean, dropout: 0.3}",)
AUGMENT = "streams.rgb.augment={crop: resized, area: 0.5, flip: 0.5, colour: 0.3}"


def rows(blocks: int, epochs: int) -> dict[str, tuple[str, ...]]:
    """The settings of each row, by its name."""
    stage = f"unit: clip, clips_per_video: 4, batch: 16, lr: 1.0e-4, epochs: {epochs}"
    tuned = (*GRU, f"streams.rgb.train_blocks={blocks}", f"training.backbone={{{stage}}}")
    mixed = (*tuned[:-1], f"training.backbone={{{stage}, mix: {{kind: mixup}}}}")
    cut = (*tuned[:-1], f"training.backbone={{{stage}, mix: {{kind: cutmix, alpha: 1.0}}}}")
    return {
        "moments, frozen": (),
        "moments, fine-tuned": (*tuned[1:], AUGMENT),
        "frozen": GRU,
        "fine-tuned": tuned,
        "fine-tuned, augmented": (*tuned, AUGMENT),
        "fine-tuned, mixup": mixed,
        "fine-tuned, cutmix": cut,
    }


def write(path: Path, records: list[VideoRecord], test: np.ndarray) -> Path:
    """A CSV of the records with one fold as the test split."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("file_name", "label", "split", "group"))
        for record, tested in zip(records, test, strict=True):
            table.writerow((record.path, record.label, "test" if tested else "train", record.group or ""))
    return path


def main() -> None:
    """Train every row on every fold and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, help="folder with MobileNetV2's weights")
    parser.add_argument("--features", type=Path, help="feature store")
    parser.add_argument("--runtime", choices=("torch", "openvino"), default="torch")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--blocks", type=int, default=3, help="of MobileNetV2's 19 that are trained")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    args = parser.parse_args()
    records = list(load_dataset(args.data, split=None).records)
    units = [r.group or str(r.path) for r in records]
    folds = np.array(assign_folds(units, [r.label or "" for r in records], args.folds, 0))
    with tempfile.TemporaryDirectory() as temporary, ConsoleEvents():
        folder = Path(temporary)
        resources = Resources(
            weights=args.weights, features=args.features or folder / "features", runtime=args.runtime
        )
        for name, settings in rows(args.blocks, args.epochs).items():
            if args.only and name not in args.only:
                continue
            started, found = time.monotonic(), []
            for fold in range(args.folds):
                data = write(folder / f"{fold}.csv", records, folds == fold)
                run = folder / name / str(fold)
                train(data, recipe="lite", out=run, overrides=settings, resources=resources)
                found.append(json.loads((run / "metrics.json").read_text())["accuracy"])
            minutes = (time.monotonic() - started) / 60
            print(f"{name:24} {np.mean(found):.1%} ± {np.std(found):.1%}   {minutes:.1f} minutes", flush=True)
            print("  " + " ".join(f"--set '{setting}'" for setting in settings), flush=True)


if __name__ == "__main__":
    main()
