"""What the network of `motion_pretraining.py` is worth on real clips: alone and beside `lite`, over folds.

    python bench/motion_trial.py SET... --net FILE [--weights DIR] [--features DIR] [--folds 5] [--seeds 3]

A SET is any data folder, as that of `directions.py`; official splits are left out, folds are of whole groups.
Rows: the motion network alone, by each kind of its features; `lite`; all of them beside `lite`; with random
values and with those of FILE. The motion stream stands where `lite-motion` has its own: windows of five
frames, every eighth frame, 64 x 64, grey; standardised; the same head. Mean and standard deviation of the
accuracy are over folds and seeds.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from _motion_net import FEATURES, LENGTH, MotionNet, random_net
from _motion_video import GREY
from _sets import extracted_set, set_arguments
from kinema.cli.console import ConsoleEvents
from kinema.datasets import load_dataset
from kinema.datasets.balance import assign_folds
from kinema.evaluation.score import score_items
from kinema.features.sequence_file import SequenceWriter, sequence_shape
from kinema.media.video import VideoFile
from kinema.model.build import build_recognizer
from kinema.model.items import FeatureItem
from kinema.model.recognizer import JointRecognizer
from kinema.recipe import Recipe, changed, load_recipe
from kinema.resources import Resources
from kinema.streams.images import fit
from kinema.training.closed import fit_closed
from kinema.types import VideoRecord

SIDE, STRIDE = 64, 8
Nets = dict[str, MotionNet]


def nets(path: Path, seed: int = 0) -> Nets:
    """The network with random values and with those of a file."""
    trained = MotionNet().eval()
    trained.load_state_dict(load_file(path))
    return {"random": random_net(seed), "trained": trained}


def windows(record: VideoRecord) -> tuple[np.ndarray, list[float]]:
    """Float32 [n, 5, 64, 64], grey, and the times of their first frames; a short video repeats its last."""
    frames = VideoFile.of(record).frames()
    found = [(f.pts_seconds, fit(f.data, (SIDE, SIDE), "center") @ GREY) for f in frames]
    found += found[-1:] * (LENGTH - len(found))
    starts = range(0, len(found) - LENGTH + 1, STRIDE)
    grey = np.stack([frame for _, frame in found])
    return np.stack([grey[s : s + LENGTH] for s in starts]), [found[s][0] for s in starts]


@torch.no_grad()
def write_motion(record: VideoRecord, networks: Nets, folder: Path, number: int) -> dict[str, Path]:
    """A video's motion features, each in a file of `folder`, by `NETWORK KIND`."""
    frames, times = windows(record)
    paths = {}
    for name, net in networks.items():
        for kind, values in net.features(torch.from_numpy(frames)).items():
            path = paths[f"{name} {kind}"] = folder / name / kind / f"{number}.safetensors"
            writer = SequenceWriter(path, values.shape[1])
            writer.append(np.ascontiguousarray(values), times)
            writer.commit()
    return paths


def rows(networks: Nets) -> dict[str, tuple[Recipe, str]]:
    """By name: what is fitted, and which motion features it sees."""
    both = load_recipe("lite-motion")
    alone = changed(both, {"streams.rgb": None})
    found = {f"motion, {name} {kind}": (alone, f"{name} {kind}") for name in networks for kind in FEATURES}
    found["lite"] = load_recipe("lite"), ""
    return found | {f"lite and motion, {name} all": (both, f"{name} all") for name in networks}


def accuracies(recipe: Recipe, items: Sequence[FeatureItem], folds: int, seed: int) -> list[float]:
    """Accuracy on each fold of whole groups by a fit on the others."""
    labels = np.array([item.label for item in items])
    classes = int(labels.max()) + 1
    recipe = changed(recipe, {"data.classes": classes, "training.seed": seed})
    fold_of = np.array(assign_folds([i.unit for i in items], [str(v) for v in labels], folds, seed))
    dims = {stream: sequence_shape(path)[1] for stream, path in items[0].files.items()}
    found = []
    for fold in range(folds):
        model = build_recognizer(recipe, dims, classes)
        assert isinstance(model, JointRecognizer)
        fit_closed(model, [i for i, f in zip(items, fold_of, strict=True) if f != fold])
        test = np.flatnonzero(fold_of == fold)
        hits = score_items(model, [items[i] for i in test]).argmax(1) == labels[test]
        found.append(float(hits.mean()))
    return found


def motion_items(root: Path, networks: Nets, folder: Path) -> dict[Path, FeatureItem]:
    """A set's items by their videos; their files are those of `write_motion`."""
    records = load_dataset(root, split=None).records
    labels = sorted({r.label or "" for r in records})
    return {
        r.path: FeatureItem(
            write_motion(r, networks, folder, number), labels.index(r.label or ""), r.group or str(r.path)
        )
        for number, r in enumerate(records)
    }


def with_lite(root: Path, items: dict[Path, FeatureItem], resources: Resources) -> dict[Path, FeatureItem]:
    """The same items with the features of `lite`."""
    with ConsoleEvents() as events:
        extracted = extracted_set(root, "lite", resources, events)
    return {
        r.path: replace(items[r.path], files={**items[r.path].files, **extracted.paths(r)})
        for r in extracted.records
    }


def seen(item: FeatureItem, recipe: Recipe, motion: str) -> FeatureItem:
    """An item with the files of a recipe's streams alone."""
    files = {stream: item.files[motion if stream == "motion" else stream] for stream in recipe.streams}
    return replace(item, files=files)


def measure(
    root: Path, networks: Nets, resources: Resources, folds: int, seeds: int
) -> dict[str, list[float]]:
    """Accuracies by row, one a fold and seed; printed as they come, those that need no `lite` first."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        items = motion_items(root, networks, Path(temporary))
        print(f"{root.name}, {len(items)} videos, {folds} folds, {seeds} seeds", flush=True)
        for name, (recipe, motion) in rows(networks).items():
            if name == "lite":
                items = with_lite(root, items, resources)
            chosen = [seen(item, recipe, motion) for item in items.values()]
            found[name] = [a for seed in range(seeds) for a in accuracies(recipe, chosen, folds, seed)]
            print(f"  {name:<28} {np.mean(found[name]):.4f} +- {np.std(found[name]):.4f}", flush=True)
    return found


def main() -> None:
    """Extract, fit, print."""
    parser = set_arguments(__doc__)
    parser.add_argument("--net", type=Path, required=True, help="what motion_pretraining.py wrote")
    parser.add_argument("--runtime", choices=("torch", "openvino"), default="torch")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    networks = nets(args.net)
    resources = Resources(
        weights=args.weights, features=args.features, runtime=args.runtime, workers=1, device="cpu"
    )
    found = {root.name: measure(root, networks, resources, args.folds, args.seeds) for root in args.sets}
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
