"""Does it pay to label the proposed stretches first? Precision against how many are labelled, by order.

    python bench/label_order.py SEGMENTS.csv --weights DIR [--features DIR] [--fps 4] [--seeds 3]
    python bench/label_order.py SEGMENTS.csv --weights DIR --inside      # measured on training files held out

The training files are cut into stretches of 8 s, of which only the labelled ones are learned from, with what
lies beside them as context. After every `--step` of them a small one-way model is trained anew and asked
which to look at next (`kinema.inference.proposals`), or they are drawn at random; all orders of a seed begin
with the same random ones. The figure is the mean average precision of the steps of the test files; with
`--inside` of a third of the training groups, which are then not labelled: there orders are chosen.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from kinema.cli.console import ConsoleEvents
from kinema.datasets.timeline import TimelineSet, ensure_timeline_split, load_timelines
from kinema.evaluation.timeline import frame_map
from kinema.extraction.extracted import Extracted
from kinema.extraction.loaded import load_streams
from kinema.features.sequence_file import SequenceWriter, read_sequence
from kinema.inference.proposals import Stretch, propose, stretches_of
from kinema.model.build import build_recognizer
from kinema.model.timeline import TimelineRecognizer
from kinema.recipe import Recipe, changed, resolve
from kinema.resources import Resources
from kinema.training.lanes import TimelineItem
from kinema.training.stage import FitOptions
from kinema.training.timeline import fit_timeline
from kinema.workflows.context import Context
from kinema.workflows.evaluate_timeline import timeline_answers
from kinema.workflows.extract import extract_streams
from kinema.workflows.timeline_items import fitted_to_files, timeline_items

CONTEXT = 4.0  # seconds on either side of a labelled stretch that the model sees and does not learn from
SMALL = {"temporal.units": 64, "training.epochs": 25, "timeline.smoothing": "none", "timeline.chunk": 64}
# The share of uncertainty, the rest is that of distance; None draws at random.
ORDERS: dict[str, float | None] = {"random": None, "proposed": 0.5, "unsure": 1.0, "unlike": 0.0}


def cut(item: TimelineItem, stretch: Stretch, folder: Path) -> TimelineItem:
    """The stretch with its context as a sequence of its own, of which the stretch alone is known."""
    sequence = read_sequence(item.path)
    first, stop = np.searchsorted(item.times, [stretch.start - CONTEXT, stretch.end + CONTEXT])
    path = folder / f"{item.path.stem}-{stretch.start:.0f}.safetensors"
    if not path.exists():
        writer = SequenceWriter(path, sequence.data.shape[1])
        writer.append(sequence.data[first:stop], item.times[first:stop].tolist())
        writer.commit()
    times = item.times[first:stop]
    known = (times >= stretch.start) & (times < stretch.end)
    return TimelineItem(path, times, item.targets[first:stop], known, (), stretch.video)


def trained(
    recipe: Recipe, items: list[TimelineItem], labels: tuple[str, ...], seed: int
) -> TimelineRecognizer:
    """A small model of these stretches."""
    torch.manual_seed(seed)
    dim = read_sequence(items[0].path).data.shape[1]
    model = build_recognizer(recipe, {next(iter(recipe.streams)): dim}, len(labels))
    assert isinstance(model, TimelineRecognizer)
    fit_timeline(model, items, labels, FitOptions(None, device="cpu"))
    return model


def simulate(
    recipe: Recipe, dataset: TimelineSet, extracted: Extracted, order: str, seed: int, step: int, rounds: int
) -> tuple[list[float], int]:
    """The precision after each round, and how many stretches there are."""
    items = timeline_items(dataset, dataset.part("train"), extracted, 0.25)
    labels, share = dataset.labels, ORDERS[order]
    rng = np.random.default_rng(seed)
    unsure = [np.full((len(item.times), len(labels)), 0.5) for item in items]
    done: set[tuple[int, float]] = set()
    curve: list[float] = []
    pool: list[tuple[int, Stretch]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for _ in range(rounds):
            pool = [
                (number, stretch)
                for number, (item, scores) in enumerate(zip(items, unsure, strict=True))
                for stretch in stretches_of(str(number), read_sequence(item.path), scores)
            ]
            left = [(n, s) for n, s in pool if (n, s.start) not in done]
            known = [s for n, s in pool if (n, s.start) in done]
            if share is None or not done:
                picked = rng.permutation(len(left))[:step].tolist()
            else:
                picked = propose([s for _, s in left], known, step, share=share)
            done |= {(left[i][0], left[i][1].start) for i in picked}
            learned = [cut(items[n], s, Path(temporary)) for n, s in pool if (n, s.start) in done]
            model = trained(recipe, learned, labels, seed)
            unsure = [model.step_scores(read_sequence(item.path)) for item in items]
            curve.append(frame_map(timeline_answers(model, dataset, dataset.part("test"), extracted)) or 0.0)
            print(f"{order}, seed {seed}, {len(done)} stretches: {curve[-1]:.3f}", flush=True)
    return curve, len(pool)


def inside(dataset: TimelineSet) -> TimelineSet:
    """The training files alone, every third group of them to measure on."""
    train = dataset.part("train")
    groups = sorted({record.group or record.name for record in train})
    held = set(groups[::3])
    records = [replace(r, split="test" if (r.group or r.name) in held else "train") for r in train]
    return dataset.with_split(records, "inside the training files")


def table(curves: dict[str, list[list[float]]], step: int) -> str:
    """Mean and spread of each order after each round, and the mean over the rounds, in Markdown."""
    rounds = len(next(iter(curves.values()))[0])
    lines = [f"| order | {' | '.join(str(step * (i + 1)) for i in range(rounds))} | mean |"]
    lines.append("|---|" + "---|" * (rounds + 1))
    for order, found in curves.items():
        values = 100 * np.array(found)
        cells = [f"{m:.1f} ± {s:.1f}" for m, s in zip(values.mean(0), _spread(values), strict=True)]
        whole = values[:, 1:].mean(1)  # the first round is random in all orders
        lines.append(
            f"| {order} | {' | '.join(cells)} | {whole.mean():.1f} ± {_spread(whole[:, None])[0]:.1f} |"
        )
    return "\n".join(lines)


def _spread(values: np.ndarray) -> Sequence[float]:
    """The standard deviation over seeds."""
    return values.std(0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("segments", type=Path)
    parser.add_argument("--weights")
    parser.add_argument("--features", type=Path)
    parser.add_argument("--fps", type=int, default=4)
    parser.add_argument("--step", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=["random", "proposed"])
    parser.add_argument("--inside", action="store_true")
    parser.add_argument("--results", type=Path, help="Lines of JSON: what is there is not computed again.")
    args = parser.parse_args()
    resources = Resources(weights=args.weights or "none", features=args.features)
    recipe = resolve("timeline", [f"streams.rgb.sampling.fps={args.fps}"], resources)
    lines = args.results.read_text().splitlines() if args.results and args.results.exists() else []
    kept = {(row["inside"], row["order"], row["seed"]): row["curve"] for row in map(json.loads, lines)}
    with ConsoleEvents() as events:
        context = Context(resources, events)
        dataset = ensure_timeline_split(context.identified(load_timelines(args.segments)))
        extracted = extract_streams(dataset.records, load_streams(recipe.streams, resources), context)
        dataset, _ = fitted_to_files(dataset, extracted)
        dataset = inside(dataset) if args.inside else dataset
        recipe = changed(recipe, {**SMALL, "data.classes": max(2, len(dataset.labels))})
        curves: dict[str, list[list[float]]] = {}
        for seed in range(args.seeds):
            for order in args.orders:
                key = (args.inside, order, seed)
                if key not in kept:
                    kept[key], count = simulate(
                        recipe, dataset, extracted, order, seed, args.step, args.rounds
                    )
                    row = dict(zip(("inside", "order", "seed"), key, strict=True))
                    if args.results:
                        with args.results.open("a") as file:
                            file.write(json.dumps({**row, "curve": kept[key], "stretches": count}) + "\n")
                curves.setdefault(order, []).append(kept[key])
    print(table(curves, args.step))


if __name__ == "__main__":
    main()
