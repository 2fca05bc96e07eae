"""Anomaly detection on classes that nothing has seen: area under the ROC curve, with its interval.

    python bench/anomaly.py [--out DIR] [--actors N] [--clips N] [--normal LABEL ...] [--json FILE]
    python bench/anomaly.py --real DATA --weights DIR --normal LABEL [--normal LABEL ...]

Synthetic: the run is the flow stream of streams.py, mean over steps, made on the NORMAL classes' training
actors only. The autoencoder is fitted on the same actors; held-out actors doing normal actions set the
threshold, and the other classes are the anomalies. So neither the run nor the autoencoder has seen an
anomalous video. Normal is passing by (walking, running); everything done on the spot is the anomaly. What
counts as normal decides much: other choices gave areas from 0.79 (walking, running, waving, clapping) to
0.99 (clapping, waving, boxing); try them with --normal.

Real: the same with frozen MobileNetV2 features (ImageNet values from --weights), mean over frames.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import flow_grid
from kinema.cli.console import ConsoleEvents
from kinema.datasets import ensure_split, load_dataset
from kinema.datasets.synthetic import CLASSES, make_synthetic
from kinema.types import VideoRecord
from kinema.workflows.anomaly import fit_anomaly
from kinema.workflows.judge import AnomalyOptions
from kinema.workflows.options import TrainOptions
from kinema.workflows.train import train
from streams import recipe

NORMAL = ("walking", "running")
REAL_RECIPE: dict[str, Any] = {
    "name": "mean-mobilenet",
    "streams": {
        "rgb": {
            "input": "rgb",
            "sampling": {"kind": "uniform", "frames": 8},
            "backbone": "mobilenet_v2",
            "weights": "imagenet",
        }
    },
    "temporal": {"cell": "mean", "pool": "mean"},
    "training": {"epochs": 2},
}


def write_csv(path: Path, records: list[VideoRecord]) -> Path:
    """Records as a CSV with their split."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("file_name", "label", "split", "group"))
        rows.writerows((r.path, r.label, r.split, r.group or "") for r in records)
    return path


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train on the normal classes, fit the detector, and return its metrics."""
    with ConsoleEvents() as events:
        if args.real:
            data, normal, plan = args.real, tuple(args.normal), REAL_RECIPE
        else:
            visual = [n for n, c in CLASSES.items() if c.subset == "visual"]
            data = make_synthetic(
                folder / "videos",
                actors=args.actors,
                clips_per_actor=args.clips,
                classes=visual,
                seconds=2.0,
                fps=15,
                progress=events.progress,
            )
            normal = tuple(args.normal) or NORMAL
            plan = recipe(("flow",), 1, None) | {
                "encoder": None,
                "temporal": {"cell": "mean", "pool": "mean"},
            }
        dataset = ensure_split(load_dataset(data))
        everything = write_csv(folder / "all.csv", list(dataset.records))
        known = write_csv(folder / "normal.csv", [r for r in dataset.records if r.label in normal])
        features = folder / "features"
        options = TrainOptions(weights=args.weights, features=features)
        run = train(known, recipe=plan, out=folder / "run", options=options, events=events).run
        chosen = AnomalyOptions(normal=normal, features=features, weights=args.weights)
        return fit_anomaly(run, everything, folder / "detector", options=chosen, events=events)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder to keep videos, features, run and detector in")
    parser.add_argument("--actors", type=int, default=15)
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--real", type=Path, help="a data folder of real videos, instead of synthetic ones")
    parser.add_argument("--normal", action="append", default=[], help="a normal class; may be given again")
    parser.add_argument("--weights", type=Path, help="folder with MobileNetV2's weights, for --real")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    flow_grid.register()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        metrics = measure(args, folder)
    low, high = metrics["ci95"]
    print(
        f"area under the ROC curve {metrics['auroc']:.3f} (95 % interval {low:.3f} to {high:.3f}), "
        f"{metrics['n_normal']} held-out normal and {metrics['n_anomalous']} anomalous videos"
    )
    print(metrics["certainty"])
    if args.json:
        args.json.write_text(json.dumps(metrics, indent=2) + "\n")


if __name__ == "__main__":
    main()
