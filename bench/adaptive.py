"""Adaptive against uniform sampling at one budget: accuracy by number of samples, as a curve.

    python bench/adaptive.py [--out DIR] [--actors N] [--clips N] [--motion flow|difference]
                             [--json FILE] [--svg FILE]

Each synthetic video is 8 s long and its action lasts a tenth of that; for the rest the actor stands still and
nothing gives the class away. Uniform sampling finds the action by luck; adaptive sampling (three-stream
paper, section IV-F) follows the motion. Everything else is equal: a step is three consecutive frames, its
features come from `small_cnn`, trained here on ordinary videos of the training actors and then frozen; a
video is the mean of its sampled steps; a linear SVM fitted on the training actors' sampled videos scores the
held-out ones. Motion is the mean TV-L1 displacement at 80 x 60 pixels, or the mean luma difference.

Each of the 12 stretches gets at least one sample, so up to 12 samples adaptive sampling has no choice and is
uniform sampling; with all 96 frames both are the whole video.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from kinema.backbones.small_cnn import build
from kinema.datasets import load_dataset
from kinema.datasets.synthetic import CLASSES, make_synthetic
from kinema.evaluation.metrics import confidence_interval
from kinema.flow.methods import load_method
from kinema.media.reader import VideoReader
from kinema.model.svm import fit
from kinema.sampling.adaptive import adaptive
from kinema.sampling.frames import uniform
from kinema.sampling.motion import motion_by_difference, motion_by_flow
from kinema.streams.images import fit as resize
from kinema.types import VideoRecord

BUDGETS = (2, 4, 6, 8, 12, 16, 24, 32, 48, 96)
SIZE, FLOW_SIZE, FPS, STRETCHES = (64, 64), (60, 80), 12, 12


def frames_of(path: Path) -> np.ndarray:
    """All frames, uint8 [N, H, W, 3]."""
    with VideoReader(path) as reader:
        return np.stack([frame.data for frame in reader.read()])


def steps_of(frames: np.ndarray) -> torch.Tensor:
    """Three consecutive frames around each frame, uint8 [N, 3, 64, 64, 3]."""
    small = np.stack([resize(frame, SIZE, "stretch") for frame in frames])
    around = np.clip(np.arange(len(small))[:, None] + [-1, 0, 1], 0, len(small) - 1)
    return torch.from_numpy(small[around])


def motion_of(frames: np.ndarray, kind: str) -> np.ndarray:
    """Motion between consecutive frames, float [N - 1]."""
    luma = (frame @ np.array([0.299, 0.587, 0.114]) for frame in frames)
    grey = (np.round(y).astype(np.uint8) for y in luma)
    if kind == "difference":
        return motion_by_difference(grey)
    method = load_method("tvl1", threads=2)
    return motion_by_flow(method.fields(resize(y, FLOW_SIZE, "stretch") for y in grey))


def train_network(records: list[VideoRecord], labels: tuple[str, ...], epochs: int = 20) -> nn.Module:
    """`small_cnn` on steps of ordinary videos, by a dense layer that is then dropped."""
    torch.manual_seed(0)
    network = build()
    network.unfreeze(len(network.blocks()), "train")
    model = nn.Sequential(network, nn.Linear(512, len(labels)))
    steps = [steps_of(frames_of(r.path))[1:-1:3] for r in records]
    x = torch.cat(steps)
    y = torch.cat(
        [torch.full((len(s),), labels.index(r.label or "")) for s, r in zip(steps, records, strict=True)]
    )
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        schedule.step()
    network.requires_grad_(False)
    return model.eval()[0]


def measure(args: argparse.Namespace, folder: Path) -> dict[str, dict[int, dict[str, float]]]:
    """Accuracy by sampling and budget, and the share of samples that lie in the action."""
    chosen = [n for n, c in CLASSES.items() if c.subset == "visual" and c.can_be_brief]
    sizes = {
        "actors": args.actors,
        "clips_per_actor": args.clips,
        "classes": chosen,
        "fps": FPS,
        "sound": False,
    }
    ordinary = load_dataset(make_synthetic(folder / "ordinary", seconds=2.0, **sizes))
    brief = load_dataset(make_synthetic(folder / "brief", seconds=8.0, brief=0.1, **sizes))
    print(f"{len(chosen)} classes, {len(brief.records)} videos; training the network", flush=True)
    network = train_network(list(ordinary.part("train")), ordinary.labels)
    print("features and motion of every frame", flush=True)
    features, motions = [], []
    for record in brief.records:
        frames = frames_of(record.path)
        with torch.inference_mode():
            features.append(network(steps_of(frames)).numpy())
        motions.append(motion_of(frames, args.motion))
    truth = torch.tensor([brief.labels.index(r.label or "") for r in brief.records])
    train = torch.tensor([r.split == "train" for r in brief.records])
    groups = [r.group for r, t in zip(brief.records, train, strict=True) if not t]
    curves: dict[str, dict[int, dict[str, float]]] = {"adaptive": {}, "uniform": {}}
    for name, curve in curves.items():
        for budget in BUDGETS:
            rows = [_sampled(name, f, m, budget) for f, m in zip(features, motions, strict=True)]
            x = torch.from_numpy(np.stack(rows))
            x = (x - x[train].mean(0)) / x[train].std(0).clamp(min=1e-6)
            svm = fit(x[train], truth[train], classes=len(chosen), l2=1e-2)
            hits = (svm.decision(x[~train]).argmax(1) == truth[~train]).numpy()
            low, high = confidence_interval(hits, groups) or (0.0, 1.0)
            curve[budget] = {"accuracy": float(hits.mean()), "low": low, "high": high, "n": len(hits)}
    return curves


def _sampled(name: str, features: np.ndarray, motion: np.ndarray, budget: int) -> np.ndarray:
    """The mean of the sampled steps, float32 [D]."""
    count = len(features)
    if name == "adaptive":
        return features[adaptive(motion, count, frames=budget, stretches=STRETCHES)].mean(0)
    return features[uniform(count, min(budget, count))].mean(0)


def table(curves: dict[str, dict[int, dict[str, float]]]) -> str:
    """The curves as text."""
    lines = [f"{'samples':>8}{'adaptive':>10}{'uniform':>10}"]
    for budget in BUDGETS:
        lines.append(f"{budget:>8}" + "".join(f"{curves[n][budget]['accuracy']:>10.1%}" for n in curves))
    return "\n".join(lines)


def svg(curves: dict[str, dict[int, dict[str, float]]]) -> str:
    """The curves as a picture: samples (logarithmic) to the right, accuracy upwards."""

    def at(budget: int, accuracy: float) -> str:
        x = 60 + 520 * np.log(budget / BUDGETS[0]) / np.log(BUDGETS[-1] / BUDGETS[0])
        return f"{x:.1f},{330 - 300 * accuracy:.1f}"

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="380" '
        'font-family="sans-serif" font-size="12">'
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = 330 - 300 * share
        parts.append(f'<path d="M60 {y}H580" stroke="#ddd"/><text x="20" y="{y + 4}">{share:.0%}</text>')
    for budget in BUDGETS:
        parts.append(f'<text x="{at(budget, 0).split(",")[0]}" y="350" text-anchor="middle">{budget}</text>')
    for (name, curve), colour in zip(curves.items(), ("#0a6", "#c50"), strict=True):
        points = " ".join(at(b, row["accuracy"]) for b, row in curve.items())
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        last = at(BUDGETS[0], curve[BUDGETS[0]]["accuracy"]).split(",")
        parts.append(f'<text x="{float(last[0]) + 6}" y="{float(last[1]) - 6}" fill="{colour}">{name}</text>')
    parts.append('<text x="320" y="372" text-anchor="middle">samples per video</text></svg>')
    return "\n".join(parts)


def main() -> None:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="folder to keep the videos in")
    parser.add_argument("--actors", type=int, default=12)
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--motion", choices=("flow", "difference"), default="flow")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        curves = measure(args, args.out or Path(temporary))
    print(table(curves))
    if args.json:
        args.json.write_text(json.dumps(curves, indent=2) + "\n")
    if args.svg:
        args.svg.write_text(svg(curves))


if __name__ == "__main__":
    main()
