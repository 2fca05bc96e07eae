"""Fusions by known answers, absent streams, and the learned alpha on constructed embeddings."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from kinema.errors import UsageError
from kinema.fusion import Average, Bilinear, Concat, ConcatSvm, Fusion, WeightedAverage
from kinema.fusion.average_net import AverageNet, WeightedAverageNet
from kinema.fusion.bilinear_net import BilinearNet
from kinema.fusion.concat_net import ConcatNet
from kinema.fusion.settings import FusionSettings

A, B = torch.tensor([[1.0, 2.0]]), torch.tensor([[5.0, -2.0]])


def test_weighted_average_is_equation_1() -> None:
    torch.testing.assert_close(WeightedAverageNet(2, 0.25)([A, B]), 0.25 * A + 0.75 * B)
    torch.testing.assert_close(WeightedAverageNet(2, "learned")([A, B]), (A + B) / 2)
    assert list(WeightedAverageNet(2, 0.25).parameters()) == []
    assert [p.numel() for p in WeightedAverageNet(2, "learned").parameters()] == [1]


@pytest.mark.parametrize("alpha", ["learned", 0.25])
def test_an_absent_stream_leaves_the_other_alone(alpha: str | float) -> None:
    present = torch.tensor([[True, True], [True, False], [False, True], [False, False]])
    a, b = A.repeat(4, 1) * present[:, :1], B.repeat(4, 1) * present[:, 1:]
    fusion = WeightedAverageNet(2, alpha)
    out = fusion([a, b], present)
    expected = torch.cat([fusion([A, B]), A, B, torch.zeros(1, 2)])
    torch.testing.assert_close(out, expected)
    average = AverageNet(2)([a, b], present)
    torch.testing.assert_close(average, torch.cat([(A + B) / 2, A, B, torch.zeros(1, 2)]))


def test_only_samples_with_both_streams_teach_alpha() -> None:
    fusion = WeightedAverageNet(2)
    fusion([A, B], torch.tensor([[True, False]])).sum().backward()
    assert fusion.alpha.grad == 0
    fusion([A, B], torch.tensor([[True, True]])).sum().backward()
    assert fusion.alpha.grad == (A - B).sum()


def test_average_of_three() -> None:
    out = AverageNet(2)([A, B, A], torch.tensor([[True, True, True]]))
    torch.testing.assert_close(out, (2 * A + B) / 3)
    torch.testing.assert_close(AverageNet(2)([A, B, A]), out)


def test_concat_puts_zeros_and_presence() -> None:
    present = torch.tensor([[True, False]])
    assert ConcatNet([2, 2])([A, B], present).tolist() == [[1, 2, 0, 0]]
    assert ConcatNet([2, 2], presence=True)([A, B], present).tolist() == [[1, 2, 0, 0, 1, 0]]
    assert ConcatNet([2, 2], presence=True)([A, B]).tolist() == [[1, 2, 5, -2, 1, 1]]


KINDS = [
    (WeightedAverage(), (4, 4), 4),
    (WeightedAverage(alpha=0.25), (4, 4), 4),
    (Average(), (4, 4, 4), 4),
    (Concat(), (4, 3), 7),
    (ConcatSvm(svm_l2=0.1), (1024, 1024, 1024), 3075),
    (Bilinear(components=2), (4, 3, 5), 4 + 3 + 5 + 2 * (3 + 5)),
]


@pytest.mark.parametrize(("spec", "sizes", "size"), KINDS)
def test_every_kind_keeps_its_contract(spec: FusionSettings, sizes: tuple[int, ...], size: int) -> None:
    """Settings read back, sizes are as said, an absent stream has no say, and every stream learns."""
    assert TypeAdapter(Fusion).validate_python(spec.model_dump(mode="json")) == spec
    fusion = spec.build(sizes)
    streams = [torch.randn(2, s, requires_grad=True) for s in sizes]
    present = torch.ones(2, len(sizes), dtype=torch.bool)
    out = fusion(streams, present)
    assert out.shape == (2, fusion.output_size) == (2, size)
    torch.testing.assert_close(fusion(streams), out)
    out.square().sum().backward()
    assert all(s.grad is not None and s.grad.abs().sum() > 0 for s in streams)
    present[1, 0] = False
    absent = [torch.full_like(s, 1e3) if i == 0 else s for i, s in enumerate(streams)]
    zeros = [torch.zeros_like(s) if i == 0 else s for i, s in enumerate(streams)]
    torch.testing.assert_close(fusion(absent, present)[1], fusion(zeros, present)[1])


def test_the_contract_covers_every_kind() -> None:
    assert {type(spec) for spec, *_ in KINDS} == set(get_args(get_args(Fusion)[0]))


@pytest.mark.parametrize("spec", [Average(), WeightedAverage()])
def test_averages_refuse_different_sizes(spec: FusionSettings) -> None:
    with pytest.raises(UsageError, match=f"{spec.kind} needs embeddings of one size.*use concat"):
        spec.build((3, 4))


@pytest.mark.parametrize("spec", [spec for spec, *_ in KINDS])
def test_every_kind_says_what_it_joins(spec: FusionSettings) -> None:
    spec.check(2, spec.stages)
    other = "joint" if spec.stages == "separate" else "separate"
    with pytest.raises(ValueError, match=f"{spec.kind}` needs `training.stages: {spec.stages}`"):
        spec.check(2, other)
    if isinstance(spec, WeightedAverage):
        with pytest.raises(ValueError, match="joins two streams"):
            spec.check(3, "joint")


@pytest.mark.parametrize("informative", [0, 1])
def test_learned_alpha_moves_to_the_stream_that_carries_the_signal(informative: int) -> None:
    """One stream holds the class, the other only noise; weight decay would pull alpha towards 0."""
    torch.manual_seed(0)
    fusion, head = WeightedAverageNet(8), nn.Linear(8, 2)
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


def test_bilinear_fusion_multiplies_the_first_streams_components() -> None:
    fusion = BilinearNet((2, 3), 2)
    fusion.axes.copy_(torch.eye(2))
    fusion.scale.fill_(0.5)
    out = fusion([torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0, -2.0]])])
    products = torch.tensor([[0.6, 0.0, -1.2, 0.8, 0.0, -1.6]]) / 2
    torch.testing.assert_close(out, torch.cat([torch.tensor([[3.0, 4.0, 1.0, 0.0, -2.0]]), products], dim=1))


@pytest.mark.parametrize("videos", [5, 40])
def test_its_axes_are_the_singular_vectors_of_directions_and_its_products_have_one_scale(videos: int) -> None:
    torch.manual_seed(0)
    first, second = torch.randn(videos, 12) * torch.logspace(0, -2, 12), torch.randn(videos, 3)
    fusion = BilinearNet((12, 3), 4)
    fusion.fit([first, second])
    directions = first / first.norm(dim=1, keepdim=True)
    expected = torch.linalg.svd(directions.double()).Vh[:4]
    torch.testing.assert_close(
        (fusion.axes.double() @ expected.T).abs(), torch.eye(4).double(), atol=1e-5, rtol=0
    )
    products = fusion([first, second])[:, 15:]
    torch.testing.assert_close((products - products.mean(0)).square().sum(1).mean(), torch.tensor(1.0))


def test_fewer_videos_than_components_leave_the_others_without_a_say() -> None:
    fusion = BilinearNet((12, 3), 4)
    fusion.fit([torch.eye(12)[:2], torch.ones(2, 3)])
    assert fusion.axes.norm(dim=1).tolist() == [1, 1, 0, 0]
    still = BilinearNet((12, 3), 4)
    still.fit([torch.ones(3, 12), torch.ones(3, 3)])
    assert still.scale.tolist() == [0]
    assert torch.isfinite(still([torch.ones(3, 12), torch.ones(3, 3)])).all()
