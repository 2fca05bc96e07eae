"""Attention in plain operators: torch's own freezes the batch when it is traced for ONNX."""

from functools import partial
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn


def make_portable(module: nn.Module) -> None:
    """Give every `nn.MultiheadAttention` below `module` a `forward` that can be traced for any batch."""
    for part in module.modules():
        if isinstance(part, nn.MultiheadAttention):
            part.forward = partial(attend, part)  # type: ignore[method-assign]


def attend(
    layer: nn.MultiheadAttention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor,
    **_: Any,
) -> tuple[Tensor, None]:
    """Batch-first self or cross attention without weights: [B, Q, E], [B, T, E] -> [B, Q, E].

    `key_padding_mask` is bool [B, T], True for steps that are left out, or floats that are added.
    """
    weights, biases = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
    q, k, v = (
        _heads(nn.functional.linear(x, w, b), layer.num_heads)
        for x, w, b in zip((query, key, value), weights, biases, strict=True)
    )
    scores = q @ k.transpose(2, 3) / sqrt(layer.head_dim)
    mask = key_padding_mask[:, None, None, :]
    scores = scores.masked_fill(mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    joined = (scores.softmax(3) @ v).transpose(1, 2).flatten(2)
    return layer.out_proj(joined), None


def _heads(x: Tensor, heads: int) -> Tensor:
    """[B, T, E] -> [B, heads, T, E / heads]."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)
