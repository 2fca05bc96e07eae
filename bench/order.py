"""Who sees the order of time: accuracy on pairs of classes that are each other played backwards.

    python bench/order.py [--out DIR] [--actors N] [--clips N] [--seed N] [--weights DIR] [--json FILE]

Rows: the flow stream of `i3d-gru` alone; its RGB stream alone (both I3D with seeded random weights, so that
nothing is downloaded); and two baselines that cannot see it: `lite` with a GRU on the middle frame (with the
published weights of MobileNetV2 where --weights has them), and `tiny`, trained, with the mean over its steps
in place of the GRU. Synthetic clips; every third actor is held out; a pair's chance level is 50 %.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from kinema.cli.console import ConsoleEvents
from kinema.datasets.synthetic import CLASSES, make_synthetic
from kinema.resources import Resources
from kinema.workflows.train import TrainOptions, train

GRU = "temporal={kind: gru, reset: after, layers: 1, units: 128, pool: mean, dropout: 0.3}"
ROWS: dict[str, tuple[str, list[str]]] = {
    "flow alone": ("i3d-gru", ["streams.rgb=null"]),
    "RGB alone": ("i3d-gru", ["streams.flow=null"]),
    "middle frame": ("lite", ["streams.rgb.sampling={kind: uniform, frames: 1}", GRU]),
    "frames unordered": ("tiny", ["temporal={kind: mean, pool: mean, dropout: 0.3}"]),
}
PAIRS = [(name, str(kind.partner)) for name, kind in CLASSES.items() if kind.subset == "order"][::2]


def measure(args: argparse.Namespace, folder: Path) -> dict[str, dict[str, Any]]:
    """Accuracy and number of test videos by row and pair."""
    rows: dict[str, dict[str, Any]] = {name: {} for name in ROWS}
    with ConsoleEvents() as events:
        for pair in PAIRS:
            videos = make_synthetic(
                folder / "-".join(pair),
                actors=args.actors,
                clips_per_actor=args.clips,
                classes=pair,
                seconds=2.0,
                fps=15,
                progress=events.progress,
            )
            for name, (recipe, overrides) in ROWS.items():
                weights = args.weights if recipe == "lite" and args.weights else "none"
                resources = Resources(weights=weights, features=folder / "features")
                metrics = train(
                    videos,
                    recipe=recipe,
                    out=folder / "run",
                    overrides=[*overrides, f"training.seed={args.seed}"],
                    options=TrainOptions(overwrite=True),
                    resources=resources,
                    events=events,
                ).metrics
                rows[name][" / ".join(pair)] = {k: metrics[k] for k in ("accuracy", "n_test")}
    return rows


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The rows as text."""
    pairs = [" / ".join(pair) for pair in PAIRS]
    lines = [f"{'':<20}" + "".join(f"{pair:>46}" for pair in pairs)]
    for name, found in rows.items():
        cells = [f"{found[pair]['accuracy']:.1%} of {found[pair]['n_test']}" for pair in pairs]
        lines.append(f"{name:<20}" + "".join(f"{cell:>46}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Make, train, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder to keep videos, features and the last run in")
    parser.add_argument("--actors", type=int, default=48)
    parser.add_argument("--clips", type=int, default=2, help="of each actor and class")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, help="folder with mobilenet_v2's weights")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        rows = measure(args, args.out or Path(temporary))
    print(table(rows))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
