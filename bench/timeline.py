"""When, not only what: `timeline` and `timeline-both` beside sliding windows on the same features.

    python bench/timeline.py --weights DIR [--out DIR] [--actors 42] [--seconds 180] [--clips SET --actions N]

Without `--clips` long synthetic videos of `actors` actors, every third of them held out; with it the clips of
a data folder joined into long videos (`bench/_join.py`), whose test split is held out. Intervals are over
files (synthetic: actors). The delay is that of the one-way recipe; windows are reported where they end.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from _join import join_set
from kinema.cli.console import ConsoleEvents
from kinema.datasets.synthetic import make_long
from kinema.resources import Resources
from kinema.workflows.context import TrainOptions
from kinema.workflows.events import Events
from kinema.workflows.train import train

COLUMNS = ("f1_10", "f1_25", "f1_50", "edit", "accuracy", "map_frame", "map_tiou", "missed")


def measured(segments: Path, out: Path, resources: Resources, events: Events) -> dict[str, dict[str, Any]]:
    """metrics.json of both recipes by name."""
    return {
        recipe: train(
            segments,
            recipe=recipe,
            out=out / recipe,
            options=TrainOptions(task="timeline"),
            resources=resources,
            events=events,
        ).metrics
        for recipe in ("timeline", "timeline-both")
    }


def table(found: dict[str, dict[str, Any]]) -> str:
    """Rows of the recipes and of the baselines, in Markdown."""
    baselines = next(iter(found.values()))["baselines"]
    lines = [
        f"| | {' | '.join(COLUMNS)} | false alarms/h | mean delay |",
        "|---|" + "---:|" * (len(COLUMNS) + 2),
    ]
    for name, row in {**found, **baselines}.items():
        values = [f"{100 * row[key]:.1f}" for key in COLUMNS]
        delay = row["delay_seconds"]
        values += [f"{row['false_alarms_per_hour']:.1f}", f"{delay['mean']:.2f} s" if delay else ""]
        lines.append(f"| {name} | {' | '.join(values)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", help="folder with MobileNetV2's weights; random ones without")
    parser.add_argument("--out", type=Path, default=Path("bench-timeline"))
    parser.add_argument("--features", type=Path)
    parser.add_argument("--actors", type=int, default=42)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--clips", type=Path, help="a data folder of real clips")
    parser.add_argument("--actions", type=int, default=4, help="how many of its classes are actions")
    args = parser.parse_args()
    resources = Resources(weights=args.weights or "none", features=args.features or args.out / "features")
    with ConsoleEvents() as events:
        if args.clips:
            segments = join_set(args.clips, args.out / "joined", args.actions, progress=events.progress)
        else:
            segments = make_long(
                args.out / "long", actors=args.actors, seconds=args.seconds, progress=events.progress
            )
        found = measured(segments, args.out, resources, events)
    first = found["timeline"]
    print(f"{first['n_test']} held-out files, {60 * first['hours']:.1f} minutes; {first['split']}")
    print(table(found))
    for name, row in found.items():
        print(f"{name}: 95 % intervals {json.dumps(row['ci95_of'])}; seconds {json.dumps(row['seconds'])}")


if __name__ == "__main__":
    main()
