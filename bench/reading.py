"""Reading stored features in training: seconds an epoch, with and without what is kept between epochs.

    python bench/reading.py [--videos 2000] [--steps 40] [--dim 1280] [--rounds 3] [--epochs 5]

Makes a store of small sequences and reads it as a protocol does: in every round a new data set, in every
epoch all of it in batches. By turns: files checked in every round (what was done before sequences were
kept), checked once and read from the file each time, and kept in memory. Files are in the system's cache, so
a disk would add to the first two.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from kinema.features.reader import SequenceReader
from kinema.features.sequence_file import SequenceWriter
from kinema.model import items
from kinema.model.items import FeatureDataset, FeatureItem, feature_loader
from kinema.training.samplers import EpochSampler

BATCH = 32


def store(folder: Path, videos: int, steps: int, dim: int) -> list[FeatureItem]:
    """One sequence file a video, its values random."""
    random, found = np.random.default_rng(0), []
    for number in range(videos):
        writer = SequenceWriter(folder / f"{number % 256:02x}" / f"{number}.safetensors", dim)
        writer.append(random.random((steps, dim), dtype=np.float32), [i / 8 for i in range(steps)])
        writer.commit()
        found.append(FeatureItem({"rgb": writer.path}, number % 10))
    return found


def epoch(dataset: FeatureDataset, number: int) -> float:
    """Seconds of one epoch, in the order of training."""
    order = EpochSampler([item.label for item in dataset.items], seed=0)
    order.set_epoch(number)
    started = time.perf_counter()
    for _ in feature_loader(dataset, BATCH, sampler=order):
        pass
    return time.perf_counter() - started


def main() -> None:
    """Measure by turns and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in {"videos": 2000, "steps": 40, "dim": 1280, "rounds": 3, "epochs": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    took: dict[str, list[float]] = {"checked every round": [], "checked once": [], "kept in memory": []}
    with tempfile.TemporaryDirectory() as temporary:
        found = store(Path(temporary), args.videos, args.steps, args.dim)
        once, kept = SequenceReader(bound=0), SequenceReader()
        for _ in range(args.rounds):
            readers = dict(zip(took, (SequenceReader(bound=0), once, kept), strict=True))
            dataset = FeatureDataset(found)
            for number in range(args.epochs):
                for side, reader in readers.items():
                    items.SEQUENCES = reader
                    took[side].append(epoch(dataset, number))
    size = args.videos * args.steps * args.dim * 4 / 1e6
    print(f"{args.videos} videos of {args.steps} x {args.dim}, {size:.0f} MB; {args.rounds} rounds of")
    print(f"{args.epochs} epochs; seconds an epoch, of all rounds")
    first = sum(took["checked every round"])
    for side, seconds in took.items():
        middle = f"median {statistics.median(seconds):.2f} ({min(seconds):.2f}–{max(seconds):.2f})"
        print(f"{side:22} {middle:28} {sum(seconds):6.1f} s in all {first / sum(seconds):6.2f}")


if __name__ == "__main__":
    main()
