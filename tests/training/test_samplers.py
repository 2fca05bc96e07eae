"""The order of items: a function of seed and epoch; balanced draws; class weights by hand."""

from __future__ import annotations

import pytest
import torch

from kinema.recipe import Training
from kinema.training.samplers import EpochSampler, balance, class_weights


def order(seed: int, epoch: int, *, balanced: bool = False) -> list[int]:
    sampler = EpochSampler([0] * 30 + [1] * 10, seed=seed, balanced=balanced)
    sampler.set_epoch(epoch)
    return list(sampler)


def test_every_item_once() -> None:
    assert sorted(order(0, 0)) == list(range(40))
    assert len(EpochSampler([0, 1, 1], seed=0)) == 3


def test_order_depends_on_seed_and_epoch_alone() -> None:
    for balanced in (False, True):
        first = order(1, 5, balanced=balanced)
        torch.manual_seed(123)
        assert order(1, 5, balanced=balanced) == first
        assert order(1, 6, balanced=balanced) != first
        assert order(2, 5, balanced=balanced) != first


def test_drawing_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    order(0, 0, balanced=True)
    assert torch.equal(torch.get_rng_state(), before)


def test_balanced_draws() -> None:
    """Three quarters of the items are of class 0, half of the draws are: within six standard deviations."""
    sampler = EpochSampler([0] * 750 + [1] * 250, seed=0, balanced=True)
    draws = list(sampler)
    assert len(draws) == 1000
    of_second = sum(i >= 750 for i in draws)
    assert abs(of_second - 500) < 6 * 15.8


def test_balanced_with_an_absent_class() -> None:
    """Class 1 has no items; the one item of class 2 is half of the draws, each of class 0 a quarter."""
    sampler, draws = EpochSampler([0, 0, 2], seed=0, balanced=True), []
    for epoch in range(400):
        sampler.set_epoch(epoch)
        draws += list(sampler)
    shares = [draws.count(item) / 1200 for item in range(3)]
    assert shares == pytest.approx([0.25, 0.25, 0.5], abs=6 * (0.25 / 1200) ** 0.5)


def test_class_balance_chooses_order_and_weights() -> None:
    labels = [0, 0, 0, 2]

    def made(choice: str) -> tuple[EpochSampler, torch.Tensor | None]:
        return balance(Training(class_balance=choice), labels, classes=3, seed=5)

    plain, none = made("none")
    assert (plain.balanced, plain.seed, none) == (False, 5, None)
    drawn, none = made("sampler")
    assert (drawn.balanced, none) == (True, None)
    weighted, weights = made("weights")
    assert not weighted.balanced
    assert torch.equal(weights, class_weights(torch.tensor(labels), 3))


def test_class_weights_by_hand() -> None:
    # 6 items in 2 of 3 classes: 6 / (2 * 4), nothing, 6 / (2 * 2).
    assert class_weights(torch.tensor([0, 0, 0, 0, 2, 2]), 3).tolist() == [0.75, 0.0, 1.5]
    assert class_weights(torch.tensor([0, 1, 2]), 3).tolist() == [1.0, 1.0, 1.0]
