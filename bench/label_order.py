"""Does it pay to label the proposed stretches first? Precision against how many are labelled, by order.

    python bench/label_order.py SEGMENTS.csv --weights DIR [--features DIR] [--fps 4] [--seeds 2]

The training files are cut into stretches of 8 s, of which only the labelled ones are learned from, with what
lies beside them as context. After every `--step` of them a small one-way model is trained anew and asked
which to look at next (`kinema.inference.proposals`), or they are drawn at random; both begin with the same
random ones. The figure is the mean average precision of the steps of the test files.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from kinema.cli.console import ConsoleEvents
from kinema.datasets.timeline import ensure_timeline_split, load_timelines
from kinema.evaluation.timeline import frame_map
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
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    resources = Resources(weights=args.weights or "none", features=args.features)
    recipe = resolve("timeline", [f"streams.rgb.sampling.fps={args.fps}"], resources)
    with ConsoleEvents() as events, tempfile.TemporaryDirectory() as temporary:
        context = Context(resources, events)
        dataset = ensure_timeline_split(context.identified(load_timelines(args.segments)))
        extracted = extract_streams(dataset.records, load_streams(recipe.streams, resources), context)
        dataset, _ = fitted_to_files(dataset, extracted)
        recipe = changed(recipe, {**SMALL, "data.classes": max(2, len(dataset.labels))})
        items = timeline_items(dataset, dataset.part("train"), extracted, 0.25)
        tested, labels = dataset.part("test"), dataset.labels
        for order in ("random", "proposed"):
            curves = []
            for seed in range(args.seeds):
                rng = np.random.default_rng(seed)
                unsure = [np.full((len(item.times), len(labels)), 0.5) for item in items]
                done: list[tuple[int, float]] = []
                curve = []
                for _ in range(args.rounds):
                    pool = [
                        (number, stretch)
                        for number, (item, scores) in enumerate(zip(items, unsure, strict=True))
                        for stretch in stretches_of(str(number), read_sequence(item.path), scores)
                    ]
                    left = [(n, s) for n, s in pool if (n, s.start) not in done]
                    known = [s for n, s in pool if (n, s.start) in done]
                    if order == "random" or not done:
                        picked = rng.permutation(len(left))[: args.step].tolist()
                    else:
                        picked = propose([s for _, s in left], known, args.step)
                    done += [(left[i][0], left[i][1].start) for i in picked]
                    learned = [cut(items[n], s, Path(temporary)) for n, s in pool if (n, s.start) in done]
                    model = trained(recipe, learned, labels, seed)
                    unsure = [model.step_scores(read_sequence(item.path)) for item in items]
                    curve.append(frame_map(timeline_answers(model, dataset, tested, extracted)) or 0.0)
                    print(f"{order}, seed {seed}, {len(done)} stretches: {curve[-1]:.3f}", flush=True)
                curves.append(curve)
            means = np.mean(curves, axis=0)
            shown = ", ".join(f"{args.step * (i + 1)}: {100 * m:.1f}" for i, m in enumerate(means))
            print(f"{order} order, mean of {args.seeds} seeds, of {len(pool)} stretches: {shown}")


if __name__ == "__main__":
    main()
