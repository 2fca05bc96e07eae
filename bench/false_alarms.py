"""Does an anomaly detector keep the false-alarm rate that it states? On groups that nothing has seen.

    python bench/false_alarms.py DATA --weights DIR --normal LABEL [--normal LABEL ...] [--splits N]
    python bench/false_alarms.py --synthetic [--splits N]

For each split the groups of the data are dealt into three parts. The run is trained on all classes of the
first; the detector is fitted on the normal videos of the first and second, of which only the second's, which
the run has not seen, set the threshold; the third part's normal videos are then scored. The share called
anomalous is held against the rate that was asked for, and against the 95 % interval that the threshold's own
certainty gives for so many new groups (beta-binomial: conditional validity of split conformal prediction,
Vovk 2012; a group counts as one video, which is the worst case).
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
from scipy.stats import betabinom

from anomaly import REAL_RECIPE
from kinema.cli.console import ConsoleEvents
from kinema.datasets import Dataset, load_dataset
from kinema.datasets.balance import assign_folds
from kinema.datasets.synthetic import make_synthetic
from kinema.inference.anomaly import load_anomaly
from kinema.resources import Resources
from kinema.types import VideoRecord
from kinema.workflows.anomaly import AnomalyOptions, fit_anomaly
from kinema.workflows.events import Events
from kinema.workflows.train import train

NORMAL = ("walking", "running", "waving", "jumping_jacks")


def parts(dataset: Dataset, seed: int) -> list[list[VideoRecord]]:
    """Three parts of whole groups, balanced by class."""
    units = [f"{r.label} {r.group}" if r.group else str(r.path) for r in dataset.records]
    fold = assign_folds(units, [r.label or "" for r in dataset.records], 3, seed)
    return [[r for r, f in zip(dataset.records, fold, strict=True) if f == part] for part in range(3)]


def write(path: Path, rows: list[tuple[VideoRecord, str]]) -> Path:
    """A CSV of records and their splits ("" for none)."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("file_name", "label", "split"))
        table.writerows((r.path, r.label, split) for r, split in rows)
    return path


def one_split(
    dataset: Dataset, normal: tuple[str, ...], rate: float, seed: int, folder: Path, resources: Resources
) -> tuple[int, int, float, float, float]:
    """False alarms among the third part's normal videos, their number, and the rate that is stated for them:
    its mean and the interval of their share."""
    silent = Events()
    folder.mkdir(parents=True)
    first, second, third = parts(dataset, seed)
    # The run's own test videos are none of ours: a copy of the second part's, which it then has not seen.
    known = write(folder / "known.csv", [(r, "train") for r in first] + [(r, "test") for r in second])
    run = train(known, recipe=REAL_RECIPE, out=folder / "run", resources=resources, events=silent).run
    own = write(folder / "normal.csv", [(r, "") for r in [*first, *second] if r.label in normal])
    options = AnomalyOptions(false_alarms=rate, seed=seed)
    found = fit_anomaly(run, own, folder / "detector", options=options, resources=resources, events=silent)
    detector = load_anomaly(folder / "detector", run=run, resources=resources)
    fresh = [r for r in third if r.label in normal]
    alarms = sum(detector.score(r.path).anomalous for r in fresh)
    groups = len({(r.label, r.group) if r.group else r.path for r in fresh})
    expected, units = found["false_alarms"]["expected"], found["false_alarms"]["independent"] + 1
    low, high = betabinom.interval(0.95, groups, units * expected, units * (1 - expected))
    return alarms, len(fresh), expected, low / groups, high / groups


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", help="a data folder of real videos")
    parser.add_argument("--synthetic", action="store_true", help="the synthetic set instead")
    parser.add_argument("--weights", help="folder with MobileNetV2's weights; random ones without")
    parser.add_argument("--normal", action="append", default=[], help="a normal class; may be given again")
    parser.add_argument("--rate", type=float, default=0.05, help="false-alarm rate asked for")
    parser.add_argument("--splits", type=int, default=5)
    args = parser.parse_args()
    if not args.synthetic and not (args.data and args.normal):
        parser.error("give DATA and --normal, or --synthetic")
    with tempfile.TemporaryDirectory() as temporary, ConsoleEvents() as events:
        folder = Path(temporary)
        if args.synthetic:
            videos = make_synthetic(
                folder / "videos", actors=60, clips_per_actor=1, classes=[*NORMAL, "boxing", "kicking"],
                seconds=1.5, fps=12, sound=False, progress=events.progress,
            )  # fmt: skip
            dataset, normal = load_dataset(videos), NORMAL
        else:
            dataset, normal = load_dataset(args.data, split=None), tuple(args.normal)
        resources = Resources(weights=args.weights or "none", features=folder / "features", device="cpu")
        if missing := set(normal) - set(dataset.labels):
            parser.error(f"no class {min(missing)}; there are {', '.join(dataset.labels)}")
        rates, stated, inside = [], [], 0
        print(f"normal: {', '.join(normal)}; asked for {args.rate:.0%}")
        for seed in range(args.splits):
            alarms, count, expected, low, high = one_split(
                dataset, normal, args.rate, seed, folder / str(seed), resources
            )
            rates.append(alarms / count)
            stated.append(expected)
            inside += low <= alarms / count <= high
            print(
                f"  split {seed}: {alarms} of {count} unseen normal videos, {alarms / count:.1%};"
                f" stated {expected:.1%}, 95 % interval {low:.0%} to {high:.0%}",
                flush=True,
            )
        spread = np.std(rates, ddof=1) if len(rates) > 1 else 0.0
        print(
            f"mean rate {np.mean(rates):.1%} ± {spread:.1%}, stated {np.mean(stated):.1%};"
            f" {inside} of {args.splits} inside the interval"
        )


if __name__ == "__main__":
    main()
