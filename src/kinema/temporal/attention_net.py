"""Padded batches as attention sees them: projected steps that know their time."""

import math

import torch
from torch import Tensor, nn

from .attention import Attention
from .model import SequenceModel
from .pooling import absent_steps

LONGEST_WAVE = 10_000.0


def time_encoding(steps: int, size: int) -> Tensor:
    """Sines, then cosines of the step's number, wavelengths 2 pi to 10000 * 2 pi: float32 [T, size]."""
    half = (size + 1) // 2
    rates = torch.exp(torch.arange(half) * (-math.log(LONGEST_WAVE) / half))
    angles = torch.arange(steps).unsqueeze(1) * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :size]


class AttentionModel(SequenceModel):
    """dropout -> steps of `units` values with their time -> `attend` -> dropout.

    With `per_step` every step keeps its own embedding.
    """

    per_step = False

    def __init__(self, spec: Attention, input_size: int):
        super().__init__()
        self.units = self.embedding_size = spec.units
        self.dropout = nn.Dropout(spec.dropout)
        self.project = nn.Linear(input_size, spec.units)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        batch, steps = x.shape[:2]
        if steps == 0:
            return x.new_zeros(batch, *[0] * self.per_step, self.embedding_size)
        lengths = x.new_full((batch,), steps, dtype=torch.int64) if lengths is None else lengths.to(x.device)
        absent = absent_steps(lengths, steps)
        x = self.project(self.dropout(x.masked_fill(absent.unsqueeze(2), 0.0)))
        x = x + time_encoding(steps, self.units).to(x)
        # The softmax of no step at all is not a number: a sequence of length 0 sees one, and becomes zeros.
        out = self.attend(x, absent_steps(lengths.clamp_min(1), steps))
        nothing = absent.unsqueeze(2) if self.per_step else (lengths == 0).unsqueeze(1)
        return self.dropout(out).masked_fill(nothing, 0.0)

    def attend(self, x: Tensor, absent: Tensor) -> Tensor:
        """[B, T, U], `absent` bool [B, T] (never a whole row) -> [B, E], or with `per_step` [B, T, E]."""
        raise NotImplementedError
