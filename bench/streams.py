"""What each stream is for: accuracy on the synthetic set by streams used, as one table.

    python bench/streams.py [--out DIR] [--actors N] [--clips N] [--weights DIR] [--epochs N] [--json FILE]

The set holds classes that a look separates (visual), pairs that are each other played backwards (order), and
a pair with the same pictures and different sound (sound); every third actor is held out for the test. Visual
classes and pairs are each scored among themselves (chance: 12.5 % and 50 %); "all" is over all 14 classes.

The recipe is three-stream in small: streams trained by themselves, embeddings side by side, linear SVM. What
is smaller: RGB and flow (TV-L1) go through `small_cnn` and `small_flow_cnn`, trained from scratch on single
clips, and sound through `vggish` with seeded random values, or `yamnet` with AudioSet's from --weights.
The temporal model is a dense layer on every step and the MEAN over steps, in every row, so that RGB has no
way to see order (its steps are the same played backwards) and what the order pairs gain is the flow's:
direction of motion. With a GRU the RGB stream can learn order too, which would blur what this table shows.

The rows share one run folder: a stream that is unchanged is not trained again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kinema.cli.console import ConsoleEvents
from kinema.datasets.synthetic import CLASSES, make_synthetic
from kinema.resources import Resources
from kinema.workflows.context import TrainOptions
from kinema.workflows.train import train

STREAMS: dict[str, dict[str, Any]] = {
    "rgb": {
        "input": "rgb",
        "sampling": {"kind": "segments", "length": 3},
        "backbone": "small_cnn",
        "train_blocks": 4,
        "batch_norm": "train",
    },
    "flow": {
        "input": "flow",
        "method": "tvl1",
        "sampling": {"kind": "jump", "every": 5},
        "stack": 5,
        "backbone": "small_flow_cnn",
        "train_blocks": 4,
        "batch_norm": "train",
    },
    "audio": {"input": "audio", "backbone": "vggish"},
}
# In this order each row finds the streams of the row before it trained.
RUNS = (("audio",), ("flow",), ("rgb",), ("rgb", "flow"), ("rgb", "flow", "audio"))
SHOWN = (("rgb",), ("flow",), ("audio",), ("rgb", "flow"), ("rgb", "flow", "audio"))
SUBSETS = ("visual", "order", "sound")


def recipe(streams: Sequence[str], epochs: int, weights: Path | None) -> dict[str, Any]:
    """three-stream in small, with these streams."""
    chosen = {name: dict(STREAMS[name]) for name in streams}
    if weights and "audio" in chosen:
        chosen["audio"] |= {"backbone": "yamnet", "weights": "audioset"}
    return {
        "name": "three-stream-small",
        "streams": chosen,
        "encoder": {"layers": [128]},
        "temporal": {"kind": "mean", "pool": "mean", "dropout": 0.3},
        "fusion": {"kind": "concat_svm", "svm_l2": 3e-3},
        "training": {
            "stages": "separate",
            "epochs": 100,
            "batch": 16,
            "schedule": {"kind": "cosine"},
            "backbone": {
                "unit": "clip",
                "lr": 2e-3,
                "epochs": epochs,
                "batch": 16,
                "schedule": {"kind": "cosine"},
            },
        },
    }


def measure(args: argparse.Namespace, folder: Path) -> dict[str, dict[str, float]]:
    """Accuracy by streams and subset."""
    chosen = [name for name, kind in CLASSES.items() if kind.subset in SUBSETS]
    subsets = {s: [c for c in chosen if CLASSES[c].subset == s] for s in SUBSETS}
    subsets |= {c: [c, str(CLASSES[c].partner)] for c in subsets["order"][::2]}
    with ConsoleEvents() as events:
        videos = make_synthetic(
            folder / "videos",
            actors=args.actors,
            clips_per_actor=args.clips,
            classes=chosen,
            seconds=2.0,
            fps=15,
            progress=events.progress,
        )
        options = TrainOptions(subsets=subsets, overwrite=True)
        resources = Resources(weights=args.weights, features=folder / "features")
        rows = {}
        for streams in RUNS:
            plan = recipe(streams, args.epochs, args.weights)
            run = folder / "run"
            metrics = train(
                videos, recipe=plan, out=run, options=options, resources=resources, events=events
            ).metrics
            among = {name: row["accuracy_among"] for name, row in metrics["subsets"].items()}
            pairs = [among[c] for c in subsets["order"][::2]]
            found = {s: among[s] for s in SUBSETS} | {"order": sum(pairs) / len(pairs)}
            rows["+".join(streams)] = {**found, "all": metrics["accuracy"], "n_test": metrics["n_test"]}
    return rows


def table(rows: dict[str, dict[str, float]]) -> str:
    """The rows as text."""
    columns = (*SUBSETS, "all")
    lines = [f"{'streams':<16}" + "".join(f"{c:>9}" for c in columns)]
    for streams in SHOWN:
        row = rows["+".join(streams)]
        lines.append(f"{'+'.join(streams):<16}" + "".join(f"{row[c]:>9.1%}" for c in columns))
    return "\n".join(lines)


def main() -> None:
    """Make, train, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder to keep videos, features and runs in")
    parser.add_argument("--actors", type=int, default=48)
    parser.add_argument("--clips", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=15, help="of the RGB network")
    parser.add_argument("--weights", type=Path, help="folder with yamnet's weights")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        rows = measure(args, args.out or Path(temporary))
    print(table(rows))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
