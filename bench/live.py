"""Forgetting on a stream: test clips of real sets end to end, by rule of what is remembered.

    python bench/live.py SET --run RUN [--run RUN ...] [--split 1] [--weights DIR] [--features DIR]

The test clips of SET are put end to end in a random order in which the class changes at every border, several
orders in turn. The steps are those of the store, which are those that `kinema live` computes (tests compare
them); memory, smoothing and `unknown` are the program's own. By rule and horizon, over all orders:

    moments right    share of decisions whose answer is the class of the clip on screen; unknown is wrong
    wrong            share whose answer is another class (the rest is unknown)
    delay            seconds from a border until the answer is the new class, median and 90 %, where it
                     comes before the next border; `found` is how often it does
    of whole clips   accuracy of the same model on each clip as a file, for comparison
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import kinema
from kinema.cli.console import ConsoleEvents
from kinema.datasets import load_dataset
from kinema.inference.predictor import LoadedRun
from kinema.live.memory import CarriedMemory, Memory, WindowMemory, can_carry
from kinema.live.plan import HORIZON
from kinema.live.recogniser import SETTLED
from kinema.live.smoothing import Smoother, Smoothing
from kinema.live.steps import Step
from kinema.resources import Resources
from kinema.types import FeatureSequence
from kinema.workflows.context import Context
from kinema.workflows.extract import extract_streams

HORIZONS = (1.0, 2.0, 4.0, 8.0)
ORDERS = 2


@dataclass(frozen=True)
class Clip:
    """One test clip: its class, its features, and the seconds until the next one begins."""

    label: int
    features: FeatureSequence
    seconds: float


def clips_of(run: LoadedRun, root: Path, split: int, resources: Resources) -> list[Clip]:
    """The test clips of a set, for a run of one stream."""
    with ConsoleEvents() as events:
        context = Context(resources, events)
        dataset = context.identified(load_dataset(root, split=split))
        records = [r for r in dataset.records if r.split == "test"]
        extracted = extract_streams(records, run.streams, context)
        (name,) = run.streams
        found = []
        for record in records:
            sequence = extracted.sequence(record, name)
            interval = float(np.median(np.diff(sequence.pts_seconds)))
            seconds = float(sequence.pts_seconds[-1]) + interval
            found.append(Clip(run.labels.index(str(record.label)), sequence, seconds))
    return found


def order_of(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """All clips at random, neighbours of different classes as long as there are some."""
    rng, left = np.random.default_rng(seed), list(clips)
    rng.shuffle(left)  # type: ignore[arg-type]
    found: list[Clip] = []
    while left:
        last = found[-1].label if found else -1
        counts = np.bincount([c.label for c in left])
        # The most frequent class first where it would otherwise be left over.
        rare = 2 * counts.max() > len(left) and int(counts.argmax()) != last
        wanted = [i for i, c in enumerate(left) if (c.label == counts.argmax() if rare else c.label != last)]
        if not wanted:
            break
        found.append(left.pop(wanted[0]))
    return found


@dataclass(frozen=True)
class Moment:
    """The model's scores at one step: the number of the clip on screen, seconds into it and of the stream."""

    clip: int
    into: float
    seconds: float
    scores: np.ndarray
    settled: bool


def moments_of(run: LoadedRun, memory: Memory, clips: Sequence[Clip]) -> Iterator[Moment]:
    """What a memory gives at every step of these clips, end to end."""
    (name,) = run.streams
    start = 0.0
    for number, clip in enumerate(clips):
        for features, into in zip(clip.features.data, clip.features.pts_seconds.tolist(), strict=True):
            now = start + into
            memory.take(name, Step(now, features))
            reading = memory.reading(now)
            scores = run.sequences.model.scores_of(reading.parts, reading.lengths)[0].numpy()
            settled = now - reading.start_seconds >= SETTLED * (memory.seconds or HORIZON)
            yield Moment(number, into, now, scores, settled)
        start += clip.seconds


def figures(streams: Sequence[tuple[list[Clip], list[Moment]]], rule: Smoothing) -> dict[str, float]:
    """The figures of one way of answering, over all orders."""
    right, wrong, total, borders, delays = 0, 0, 0, 0, []
    for clips, moments in streams:
        smoother, seen = Smoother(rule), dict[int, float]()
        for moment in moments:
            label = smoother.push(moment.scores, moment.seconds, settled=moment.settled).label
            hit = label == clips[moment.clip].label
            right, wrong, total = right + hit, wrong + (label is not None and not hit), total + 1
            if hit and moment.clip:
                seen.setdefault(moment.clip, moment.into)
        delays += list(seen.values())
        borders += len(clips) - 1
    return {
        "right": right / total,
        "wrong": wrong / total,
        "delay": float(np.median(delays)),
        "delay90": float(np.percentile(delays, 90)),
        "found": len(delays) / borders,
        "borders": borders,
    }


def memory_of(run: LoadedRun, kind: str, horizon: float | None) -> Memory:
    """What remembers by this rule."""
    model = run.sequences.model
    return WindowMemory(model, horizon or HORIZON) if kind == "window" else CarriedMemory(model, horizon)


def rules_of(run: LoadedRun) -> list[tuple[str, float | None]]:
    """What the run's model can do."""
    carried = can_carry(run.sequences.model)
    found: list[tuple[str, float | None]] = [("never", None)] if carried else []
    return found + [(k, h) for k in (["reset"] if carried else []) + ["window"] for h in HORIZONS]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("set", type=Path, metavar="SET")
    parser.add_argument("--run", type=Path, action="append", required=True)
    parser.add_argument("--split", type=int, default=1)
    parser.add_argument("--smooth", type=float, nargs="+", default=[0.0, 0.25])
    parser.add_argument("--unknown", action="store_true", help="with the bound of a risk of 5 percent")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    resources = Resources(weights=args.weights, features=args.features)
    rows = []
    for folder in args.run:
        run = kinema.load(folder, resources)
        clips = clips_of(run, args.set, args.split, resources)
        (name,) = run.streams
        hits = [run.labels.index(run.sequences.predict({name: c.features}).label) == c.label for c in clips]
        lengths = [c.seconds for c in clips]
        print(
            f"{folder.name}: {len(clips)} clips of {np.median(lengths):.1f} s (median), "
            f"{np.mean(hits):.1%} right as whole clips"
        )
        least = run.bound(0.05) if args.unknown else None
        for kind, horizon in rules_of(run):
            orders = [order_of(clips, seed) for seed in range(ORDERS)]
            streams = [(o, list(moments_of(run, memory_of(run, kind, horizon), o))) for o in orders]
            for smooth in args.smooth:
                found = figures(streams, Smoothing(smooth, least=least))
                rows.append({"run": folder.name, "rule": kind, "horizon": horizon, "smooth": smooth, **found})
                print(
                    f"  {kind:<7}{'' if horizon is None else f'{horizon:g} s':<6} smooth {smooth:<5} "
                    f"moments right {found['right']:.1%}, wrong {found['wrong']:.1%}, delay "
                    f"{found['delay']:.2f} s (90 %: {found['delay90']:.2f}), found {found['found']:.1%} "
                    f"of {found['borders']} borders",
                    flush=True,
                )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
