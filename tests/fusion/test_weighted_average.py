"""Fusions by known answers, absent streams, and the learned alpha on constructed embeddings."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from kinema.errors import UsageError
from kinema.fusion.weighted_average import Average, Concat, WeightedAverage, build_fusion
from kinema.recipe import Fusion

A, B = torch.tensor([[1.0, 2.0]]), torch.tensor([[5.0, -2.0]])


def test_weighted_average_is_equation_1() -> None:
    torch.testing.assert_close(WeightedAverage(2, 0.25)([A, B]), 0.25 * A + 0.75 * B)
    torch.testing.assert_close(WeightedAverage(2, "learned")([A, B]), (A + B) / 2)
    assert list(WeightedAverage(2, 0.25).parameters()) == []
    assert [p.numel() for p in WeightedAverage(2, "learned").parameters()] == [1]


@pytest.mark.parametrize("alpha", ["learned", 0.25])
def test_an_absent_stream_leaves_the_other_alone(alpha: str | float) -> None:
    present = torch.tensor([[True, True], [True, False], [False, True], [False, False]])
    a, b = A.repeat(4, 1) * present[:, :1], B.repeat(4, 1) * present[:, 1:]
    fusion = WeightedAverage(2, alpha)
    out = fusion([a, b], present)
    expected = torch.cat([fusion([A, B]), A, B, torch.zeros(1, 2)])
    torch.testing.assert_close(out, expected)
    average = Average(2)([a, b], present)
    torch.testing.assert_close(average, torch.cat([(A + B) / 2, A, B, torch.zeros(1, 2)]))


def test_only_samples_with_both_streams_teach_alpha() -> None:
    fusion = WeightedAverage(2)
    fusion([A, B], torch.tensor([[True, False]])).sum().backward()
    assert fusion.alpha.grad == 0
    fusion([A, B], torch.tensor([[True, True]])).sum().backward()
    assert fusion.alpha.grad == (A - B).sum()


def test_average_of_three() -> None:
    out = Average(2)([A, B, A], torch.tensor([[True, True, True]]))
    torch.testing.assert_close(out, (2 * A + B) / 3)
    torch.testing.assert_close(Average(2)([A, B, A]), out)


def test_concat_puts_zeros_and_presence() -> None:
    present = torch.tensor([[True, False]])
    assert Concat([2, 2])([A, B], present).tolist() == [[1, 2, 0, 0]]
    assert Concat([2, 2], presence=True)([A, B], present).tolist() == [[1, 2, 0, 0, 1, 0]]
    assert Concat([2, 2], presence=True)([A, B]).tolist() == [[1, 2, 5, -2, 1, 1]]


@pytest.mark.parametrize(
    ("kind", "sizes", "size"),
    [
        ("weighted_average", (4, 4), 4),
        ("average", (4, 4, 4), 4),
        ("concat", (4, 3), 7),
        ("concat_svm", (1024, 1024, 1024), 3075),
    ],
)
def test_every_kind_is_built_with_its_output_size(kind: str, sizes: tuple[int, ...], size: int) -> None:
    fusion = build_fusion(Fusion(kind=kind), sizes)
    out = fusion([torch.randn(2, s) for s in sizes], torch.ones(2, len(sizes), dtype=torch.bool))
    assert out.shape == (2, fusion.output_size) == (2, size)


def test_averages_refuse_different_sizes() -> None:
    with pytest.raises(UsageError, match="use concat"):
        build_fusion(Fusion(kind="average"), (3, 4))


@pytest.mark.parametrize("informative", [0, 1])
def test_learned_alpha_moves_to_the_stream_that_carries_the_signal(informative: int) -> None:
    """One stream holds the class, the other only noise; weight decay is kept off alpha."""
    torch.manual_seed(0)
    fusion, head = WeightedAverage(8), nn.Linear(8, 2)
    assert fusion.no_weight_decay() == {"alpha"}
    optimizer = torch.optim.RMSprop(
        [{"params": fusion.parameters(), "weight_decay": 0.0}, {"params": head.parameters()}],
        lr=0.01,
        weight_decay=0.01,
    )
    for _ in range(300):
        labels = torch.randint(0, 2, (64,))
        signal = torch.randn(64, 8) * 0.3 + (2.0 * labels.unsqueeze(1) - 1) * 0.5
        streams = [signal, torch.randn(64, 8)]
        loss = nn.functional.cross_entropy(
            head(fusion(streams if informative == 0 else streams[::-1])), labels
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    alpha = fusion.alpha.item()
    assert alpha > 0.8 if informative == 0 else alpha < 0.2
