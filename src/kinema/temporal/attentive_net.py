"""Attentive pooling over padded batches; see `kinema.temporal.attentive`."""

import torch
from torch import Tensor, nn

from .attention_net import AttentionModel
from .attentive import Attentive


class AttentiveModel(AttentionModel):
    """q + attention of q to the normalised steps; with `mlp`, that plus a two-layer perceptron of it."""

    def __init__(self, spec: Attentive, input_size: int):
        super().__init__(spec, input_size)
        self.embedding_size = spec.queries * spec.units
        self.queries = nn.Parameter(torch.empty(spec.queries, spec.units))
        nn.init.trunc_normal_(self.queries, std=0.02)
        self.norm = nn.LayerNorm(spec.units)
        self.attention = nn.MultiheadAttention(spec.units, spec.heads, dropout=spec.dropout, batch_first=True)
        self.mlp = None
        if spec.mlp:
            wide = 4 * spec.units
            self.mlp = nn.Sequential(
                nn.LayerNorm(spec.units), nn.Linear(spec.units, wide), nn.GELU(), nn.Linear(wide, spec.units)
            )

    def attend(self, x: Tensor, absent: Tensor) -> Tensor:
        q, steps = self.queries.expand(x.shape[0], -1, -1), self.norm(x)
        q = q + self.attention(q, steps, steps, key_padding_mask=absent, need_weights=False)[0]
        if self.mlp is not None:
            q = q + self.mlp(q)
        return q.flatten(1)
