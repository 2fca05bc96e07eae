"""Training and test items by their feature files; read when wanted, never all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from ..features.reader import SEQUENCES
from ..types import FeatureSequence
from .batch import Batch, pad


@dataclass(frozen=True, slots=True)
class FeatureItem:
    """One training or test item: its feature file per stream and its class index (-1: unknown).

    `unit` is what no fold may cut: its group or, without one, its file; empty for an item by itself. `steps`
    is the part of the files' sequences that the item is, half open; None for all of them.
    """

    files: Mapping[str, Path]
    label: int
    unit: str = ""
    steps: tuple[int, int] | None = None


class FeatureDataset(Dataset[tuple[int, dict[str, FeatureSequence], int]]):
    """Reads one item's files per access. `shuffle_steps` seeds a permutation of each sequence's steps, by the
    item's number: its place, unless `numbers` say another.

    What is read is shared with every other data set of this process, see `SequenceReader`.
    """

    def __init__(
        self,
        items: Sequence[FeatureItem],
        *,
        shuffle_steps: int | None = None,
        numbers: Sequence[int] | None = None,
    ):
        self.items, self.shuffle_steps, self.numbers = items, shuffle_steps, numbers

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[int, dict[str, FeatureSequence], int]:
        item = self.items[index]
        sequences = {name: SEQUENCES.read(path) for name, path in item.files.items()}
        if item.steps is not None:
            sequences = {name: _part(sequence, *item.steps) for name, sequence in sequences.items()}
        if self.shuffle_steps is not None:
            number = index if self.numbers is None else self.numbers[index]
            random = np.random.default_rng([self.shuffle_steps, number])
            sequences = {n: replace(s, data=s.data[random.permutation(len(s))]) for n, s in sequences.items()}
        return index, sequences, item.label


def _part(sequence: FeatureSequence, start: int, stop: int) -> FeatureSequence:
    data, times = sequence.data[start:stop], sequence.pts_seconds[start:stop]
    return FeatureSequence(data, times, present=len(data) > 0)


def with_stream(items: Sequence[FeatureItem], stream: str) -> list[FeatureItem]:
    """The items that have at least one step of a stream, by the headers of their files."""
    return [item for item in items if SEQUENCES.steps(item.files[stream])]


def collate(rows: Sequence[tuple[int, dict[str, FeatureSequence], int]]) -> Batch:
    """Rows of a `FeatureDataset` as one batch."""
    streams = {name: pad([row[1][name] for row in rows]) for name in rows[0][1]}
    labels = torch.tensor([row[2] for row in rows], dtype=torch.int64)
    return Batch(streams, labels, torch.tensor([row[0] for row in rows], dtype=torch.int64))


def feature_loader(
    dataset: FeatureDataset, batch_size: int, *, sampler: Sampler[int] | None = None
) -> DataLoader[Batch]:
    """Batches of a dataset, in order or as a sampler says."""
    # The rows become batches in `collate`, which the type of a loader does not know.
    return DataLoader(dataset, batch_size, sampler=sampler, collate_fn=collate)  # type: ignore[arg-type]
