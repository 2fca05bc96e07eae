"""Attentive pooling and the transformer against one sequence at a time, one head at a time, step by step."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from kinema.temporal import Attentive, Transformer
from kinema.temporal.attention import Attention
from kinema.temporal.attention_net import AttentionModel, time_encoding

SIZE, LENGTHS = 5, [7, 1, 4]
SPECS = [
    Attentive(units=12, heads=3, queries=2),
    Attentive(units=6, heads=2, queries=1, mlp=False),
    Transformer(units=12, heads=3, layers=2),
    Transformer(units=7, heads=1, layers=1),
]


def lively(spec: Attention) -> AttentionModel:
    """The model with values that leave nothing at zero or one, so that each of them matters."""
    torch.manual_seed(1)
    model = spec.build(SIZE).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def encoded(steps: int, units: int) -> Tensor:
    """sin or cos of t / 10000^(i / half), number by number."""
    half = math.ceil(units / 2)
    rows = []
    for t in range(steps):
        angles = [t / 10_000 ** (i / half) for i in range(half)]
        rows.append([*map(math.sin, angles), *map(math.cos, angles)][:units])
    return torch.tensor(rows)


def normalised(row: Tensor, norm: nn.LayerNorm) -> Tensor:
    return (row - row.mean()) / (row.var(correction=0) + norm.eps).sqrt() * norm.weight + norm.bias


def attended(attention: nn.MultiheadAttention, query: Tensor, steps: Tensor) -> Tensor:
    """One query [U] on steps [T, U]: softmax of q . k / sqrt(U / heads), head by head."""
    units = len(query)
    (wq, wk, wv), (bq, bk, bv) = attention.in_proj_weight.split(units), attention.in_proj_bias.split(units)
    q, heads, size = wq @ query + bq, [], units // attention.num_heads
    for start in range(0, units, size):
        part = slice(start, start + size)
        scores = torch.stack([q[part] @ (wk @ s + bk)[part] / math.sqrt(size) for s in steps])
        values = [weight * (wv @ s + bv)[part] for weight, s in zip(scores.softmax(0), steps, strict=True)]
        heads.append(sum(values))
    return attention.out_proj.weight @ torch.cat(heads) + attention.out_proj.bias


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def slow_attentive(model: AttentionModel, steps: Tensor) -> Tensor:
    keys = torch.stack([normalised(s, model.norm) for s in steps])
    found = []
    for query in model.queries:
        out = query + attended(model.attention, query, keys)
        if model.mlp is not None:
            norm, wide, _, narrow = model.mlp
            out = out + narrow.weight @ gelu(wide.weight @ normalised(out, norm) + wide.bias) + narrow.bias
        found.append(out)
    return torch.cat(found)


def slow_transformer(model: AttentionModel, steps: Tensor) -> Tensor:
    for layer in model.encoder.layers:
        normal = torch.stack([normalised(s, layer.norm1) for s in steps])
        steps = torch.stack(
            [s + attended(layer.self_attn, n, normal) for s, n in zip(steps, normal, strict=True)]
        )
        one, two = layer.linear1, layer.linear2
        steps = torch.stack(
            [
                s + two.weight @ gelu(one.weight @ normalised(s, layer.norm2) + one.bias) + two.bias
                for s in steps
            ]
        )
    return torch.stack([normalised(s, model.encoder.norm) for s in steps]).mean(0)


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("gradients", [True, False])  # without them torch takes another path
def test_agrees_with_a_slow_reference(spec: Attention, gradients: bool) -> None:
    model, x = lively(spec), torch.randn(len(LENGTHS), max(LENGTHS), SIZE)
    slow = slow_attentive if isinstance(spec, Attentive) else slow_transformer
    with torch.set_grad_enabled(gradients):
        found = model(x, torch.tensor(LENGTHS))
    for row, sequence, length in zip(found, x, LENGTHS, strict=True):
        steps = sequence[:length] @ model.project.weight.t() + model.project.bias
        expected = slow(model, steps + encoded(length, spec.units))
        torch.testing.assert_close(row, expected, atol=2e-5, rtol=1e-5)


def test_time_is_told_however_long_the_sequence() -> None:
    torch.testing.assert_close(time_encoding(9, 6), encoded(9, 6))
    torch.testing.assert_close(time_encoding(5000, 7)[-1], encoded(5000, 7)[-1], atol=1e-3, rtol=0)
    distances = torch.cdist(time_encoding(300, 16), time_encoding(300, 16)) + 9 * torch.eye(300)
    assert distances.min() > 0.1


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_order_matters_and_no_step_at_all_gives_zeros(spec: Attention) -> None:
    model, x = lively(spec), torch.randn(2, 4, SIZE)
    assert (model(x) - model(x.flip(1))).abs().max() > 1e-3
    assert not model(x[:, :0]).any()
    assert model(x[:, :0]).shape == (2, model.embedding_size)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_whole_sequences_are_needed(spec: Attention) -> None:
    with pytest.raises(ValueError, match="needs whole sequences; choose"):
        spec.build(SIZE).initial_state(1)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_dropout_in_training_alone(spec: Attention) -> None:
    model = spec.model_copy(update={"dropout": 0.5}).build(SIZE)
    x = torch.randn(40, 3, SIZE)
    dropped = (model.train()(x) == 0).float().mean()
    assert 0.4 < dropped < 0.6
    assert torch.equal(model.eval()(x), model(x))


def test_heads_must_share_the_units() -> None:
    with pytest.raises(ValueError, match="does not divide 10"):
        Transformer(units=10, heads=4)
