"""Long files as training walks them: in lanes side by side, chunk by chunk, from their starts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..features.stored import read_steps
from ..types import Segment
from .samplers import EpochSampler


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One file: its stored steps at `times` float64 [T] and what is true of them.

    `targets` float32 [T, C] is how likely each class is on, `known` bool [T] whether anybody looked at the
    step. `truth` are the segments behind the targets; `unit` is what no fold may cut.
    """

    path: Path
    times: np.ndarray
    targets: np.ndarray
    known: np.ndarray
    truth: tuple[Segment, ...] = ()
    unit: str = ""


# Not frozen: Lightning moves batches to a device field by field.
@dataclass(slots=True)
class ChunkBatch:
    """One chunk of every lane that goes on: `data` float32 [B, T, D], `targets` [B, T, C], `known` [B, T].

    `lengths` int64 [B] are those of the chunks. `known` is False past a chunk's end. `fresh` bool [B]: the
    lane begins another file here. Lanes that have
    ended are the last ones of the batch before, so that lane b stays lane b.
    """

    data: Tensor
    targets: Tensor
    known: Tensor
    lengths: Tensor
    fresh: Tensor


@dataclass(frozen=True, slots=True)
class Chunk:
    """Steps `start` to `stop` of an item; `fresh` where no state comes from before."""

    item: int
    start: int
    stop: int
    fresh: bool


class LaneSampler(EpochSampler):
    """For every batch the chunks of its lanes. An epoch goes through every step once.

    Files longer than a lane's share are cut into pieces, which begin afresh, so that lanes are full. Which
    pieces a lane has is fixed, and with it the number of batches; their order is drawn by (seed, epoch).
    """

    def __init__(self, lengths: Sequence[int], *, lanes: int, chunk: int, seed: int):
        super().__init__([0] * len(lengths), seed=seed)
        self.lanes = _lanes(lengths, lanes, chunk)

    def __len__(self) -> int:
        return len(self.lanes[0]) if self.lanes else 0

    def __iter__(self) -> Iterator[list[Chunk]]:  # type: ignore[override]  # a batch, not a number
        random = np.random.default_rng([self.seed, self.epoch])
        walks = [_shuffled(lane, random) for lane in self.lanes]
        for position in range(len(self)):
            yield [walk[position] for walk in walks if position < len(walk)]


def _lanes(lengths: Sequence[int], lanes: int, chunk: int) -> list[list[Chunk]]:
    """Chunks of each lane, the longest lane first."""
    share = -(-sum(lengths) // lanes)
    longest = max(chunk, -(-share // chunk) * chunk)
    pieces = [
        [
            Chunk(item, at, min(at + chunk, length, start + longest), at == start)
            for at in range(start, min(start + longest, length), chunk)
        ]
        for item, length in enumerate(lengths)
        for start in range(0, length, longest)
    ]
    found: list[list[Chunk]] = [[] for _ in range(min(lanes, len(pieces)))]
    for piece in sorted(pieces, key=len, reverse=True):
        min(found, key=len).extend(piece)
    return sorted(found, key=len, reverse=True)


def _shuffled(lane: list[Chunk], random: np.random.Generator) -> list[Chunk]:
    """The same pieces in another order, each of them whole."""
    starts = [i for i, chunk in enumerate(lane) if chunk.fresh] + [len(lane)]
    order = random.permutation(len(starts) - 1)
    return [chunk for i in order for chunk in lane[starts[i] : starts[i + 1]]]


class LaneDataset(Dataset[ChunkBatch]):
    """Batches of chunks; only the steps of a chunk are read, so that a file may be longer than the memory."""

    def __init__(self, items: Sequence[TimelineItem]):
        self.items = items

    def __getitem__(self, chunks: list[Chunk]) -> ChunkBatch:
        steps = max(chunk.stop - chunk.start for chunk in chunks)
        rows = [self._row(chunk, steps) for chunk in chunks]
        data, targets, known = (torch.from_numpy(np.stack(part)) for part in zip(*rows, strict=True))
        lengths = torch.tensor([chunk.stop - chunk.start for chunk in chunks])
        return ChunkBatch(data, targets, known, lengths, torch.tensor([chunk.fresh for chunk in chunks]))

    def _row(self, chunk: Chunk, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        item, part = self.items[chunk.item], slice(chunk.start, chunk.stop)
        room = ((0, steps - (chunk.stop - chunk.start)), (0, 0))
        data = np.pad(read_steps(item.path, chunk.start, chunk.stop), room)
        return data, np.pad(item.targets[part], room), np.pad(item.known[part], room[0])


def lane_loader(
    items: Sequence[TimelineItem], *, lanes: int, chunk: int, seed: int
) -> DataLoader[ChunkBatch]:
    """Batches of chunks in the order of a `LaneSampler`."""
    sampler = LaneSampler([len(item.times) for item in items], lanes=lanes, chunk=chunk, seed=seed)
    # Without a batch size the sampler's lists go to the dataset as they are, which the types do not know.
    return DataLoader(LaneDataset(items), batch_size=None, sampler=sampler, collate_fn=_as_it_is)  # type: ignore[arg-type]


def _as_it_is(batch: ChunkBatch) -> ChunkBatch:
    return batch
