"""Feature sequences as padded batches with their lengths."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..types import FeatureSequence


# Batches are not frozen: Lightning moves them to a device field by field.
@dataclass(slots=True)
class SequenceBatch:
    """Sequences of one stream: `data` float32 [B, T, D] zero-padded, `lengths` int64 [B] (0: absent)."""

    data: Tensor
    lengths: Tensor

    def to(self, device: torch.device | str) -> Self:
        """The batch on another device."""
        return type(self)(self.data.to(device), self.lengths.to(device))


@dataclass(slots=True)
class Batch:
    """One batch of videos: a `SequenceBatch` per stream, class indices int64 [B], item numbers int64 [B]."""

    streams: dict[str, SequenceBatch]
    labels: Tensor
    items: Tensor


def pad(sequences: Sequence[FeatureSequence]) -> SequenceBatch:
    """Sequences as one zero-padded batch."""
    return pad_rows([torch.from_numpy(s.data) for s in sequences])


def pad_rows(rows: Sequence[Tensor]) -> SequenceBatch:
    """Rows [T_i, D] padded to the longest; an all-absent batch still has one (zero) step."""
    lengths = torch.tensor([len(r) for r in rows], dtype=torch.int64)
    if not lengths.any():
        return SequenceBatch(rows[0].new_zeros(len(rows), 1, rows[0].shape[1]), lengths)
    return SequenceBatch(pad_sequence(list(rows), batch_first=True), lengths)
