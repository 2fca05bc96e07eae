"""From outputs at every step to one embedding, with lengths honoured."""

import torch
from torch import Tensor


def absent_steps(lengths: Tensor, steps: int) -> Tensor:
    """True where a step lies past its sequence's end: int64 [B] -> bool [B, T]."""
    return torch.arange(steps, device=lengths.device) >= lengths.unsqueeze(1)


def last_step(outputs: Tensor, lengths: Tensor | None) -> Tensor:
    """The output at the last valid step: [B, T, U], [B] -> [B, U]. A sequence of length 0 gives zeros."""
    if outputs.shape[1] == 0:
        return outputs.new_zeros(outputs.shape[0], outputs.shape[2])
    if lengths is None:
        return outputs[:, -1]
    last = (lengths - 1).clamp(min=0).to(outputs.device)
    picked = outputs[torch.arange(outputs.shape[0], device=outputs.device), last]
    return picked.masked_fill((lengths == 0).to(outputs.device).unsqueeze(1), 0.0)


def mean_steps(outputs: Tensor, lengths: Tensor | None) -> Tensor:
    """The mean over valid steps: [B, T, U], [B] -> [B, U]. A sequence of length 0 gives zeros."""
    steps = outputs.shape[1]
    if lengths is None:
        return outputs.sum(1) / max(steps, 1)
    lengths = lengths.to(outputs.device)
    total = outputs.masked_fill(absent_steps(lengths, steps).unsqueeze(2), 0.0).sum(1)
    return total / lengths.clamp(min=1).unsqueeze(1).to(outputs.dtype)
