"""Anomaly detection on classes that nothing has seen: area under the ROC curve, with its interval.

    python bench/anomaly.py [--out DIR] [--actors N] [--normal LABEL ...] [--json FILE]
    python bench/anomaly.py --real DATA --weights DIR --normal LABEL [--normal LABEL ...]

Synthetic: the run is the flow stream of streams.py, mean over steps, trained on the NORMAL classes and on the
classes that serve as general experience (all that no single frame gives away: the order pairs, jogging). The
autoencoder is fitted on the same actors' normal videos alone; held-out actors doing normal actions set the
threshold, and the other classes, which neither the run nor the autoencoder has seen, are the anomalies. What
counts as normal decides much, so that three choices are shown, or the one of --normal.

Real: the same with frozen MobileNetV2 features (ImageNet values from --weights), mean over frames.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from kinema.cli.console import ConsoleEvents
from kinema.datasets import Dataset, ensure_split, load_dataset
from kinema.datasets.synthetic import CLASSES, make_synthetic
from kinema.resources import Resources
from kinema.types import VideoRecord
from kinema.workflows.anomaly import AnomalyOptions, fit_anomaly
from kinema.workflows.events import Events
from kinema.workflows.train import TrainOptions, train
from streams import recipe

CHOICES = (
    ("walking", "running"),
    ("walking", "boxing", "clapping", "kicking"),
    ("running", "waving", "jumping_jacks", "squatting"),
)
MEAN: dict[str, Any] = {"encoder": None, "temporal": {"kind": "mean", "pool": "mean"}}
REAL_RECIPE: dict[str, Any] = MEAN | {
    "name": "mean-mobilenet",
    "streams": {
        "rgb": {
            "input": "rgb",
            "sampling": {"kind": "uniform", "frames": 8},
            "backbone": "mobilenet_v2",
            "weights": "imagenet",
        }
    },
    "training": {"epochs": 2},
}


def write_csv(path: Path, records: Iterable[VideoRecord]) -> Path:
    """Records as a CSV with their split."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("file_name", "label", "split", "group"))
        rows.writerows((r.path, r.label, r.split, r.group or "") for r in records)
    return path


def synthetic(folder: Path, actors: int, events: Events) -> Dataset:
    """Clips of every class but the sound pair."""
    videos = make_synthetic(
        folder / "videos",
        actors=actors,
        clips_per_actor=1,
        classes=[name for name, kind in CLASSES.items() if kind.subset != "sound"],
        seconds=2.0,
        fps=15,
        progress=events.progress,
    )
    return load_dataset(videos)


def measure(
    dataset: Dataset,
    experience: Collection[str],
    normal: tuple[str, ...],
    plan: dict[str, Any],
    folder: Path,
    weights: Path | None,
    events: Events,
) -> dict[str, Any]:
    """Train on normal classes and experience, fit the detector, and return its metrics."""
    judged = write_csv(folder / "judged.csv", (r for r in dataset.records if r.label not in experience))
    seen = {*normal, *experience}
    known = write_csv(folder / "known.csv", (r for r in dataset.records if r.label in seen))
    resources = Resources(weights=weights, features=folder / "features")
    anew = TrainOptions(overwrite=True)
    out = folder / "run"
    run = train(known, recipe=plan, out=out, options=anew, resources=resources, events=events).run
    chosen = AnomalyOptions(normal=normal)
    detector = folder / "detector"
    return fit_anomaly(run, judged, detector, options=chosen, resources=resources, events=events)


def line(normal: tuple[str, ...], metrics: dict[str, Any]) -> str:
    """One choice's result as text."""
    low, high = metrics["ci95"]
    return (
        f"normal: {', '.join(normal)}\n"
        f"  area under the ROC curve {metrics['auroc']:.3f} (95 % interval {low:.3f} to {high:.3f}), "
        f"{metrics['n_normal']} held-out normal and {metrics['n_anomalous']} anomalous videos\n"
        f"  {metrics['certainty']}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder to keep videos, features, run and detector in")
    parser.add_argument("--actors", type=int, default=48)
    parser.add_argument("--epochs", type=int, default=15, help="of the flow network")
    parser.add_argument("--real", type=Path, help="a data folder of real videos, instead of synthetic ones")
    parser.add_argument("--normal", action="append", default=[], help="a normal class; may be given again")
    parser.add_argument("--weights", type=Path, help="folder with MobileNetV2's weights, for --real")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    choices = (tuple(args.normal),) if args.normal else CHOICES
    with tempfile.TemporaryDirectory() as temporary, ConsoleEvents() as events:
        folder = args.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        experience: set[str] = set()
        if args.real:
            dataset, plan = ensure_split(load_dataset(args.real)), REAL_RECIPE
        else:
            dataset, plan = (
                synthetic(folder, args.actors, events),
                recipe(("flow",), args.epochs, None) | MEAN,
            )
            experience = {n for n, kind in CLASSES.items() if kind.subset in ("order", "tempo")}
        found = [measure(dataset, experience, n, plan, folder, args.weights, events) for n in choices]
    for normal, metrics in zip(choices, found, strict=True):
        print(line(normal, metrics))
    if args.json:
        rows = [{"normal": n, **metrics} for n, metrics in zip(choices, found, strict=True)]
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
