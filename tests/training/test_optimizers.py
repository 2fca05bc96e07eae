"""Optimisers with the papers' constants; schedules against their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from kinema.recipe import BackboneTraining, Schedule, Training
from kinema.training.optimizers import current_rate, make_optimizer, make_schedule


class Blend(nn.Module):
    """A layer, a scalar (alpha) and a frozen layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.alpha = nn.Parameter(torch.tensor(0.5))
        self.frozen = nn.Linear(2, 2).requires_grad_(False)


@pytest.mark.parametrize("decay", ["coupled", "l2"])
@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_weight_decay_spares_scalars_and_frozen_values(name: str, decay: str) -> None:
    model = Blend()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    spec = Training(optimizer=name, lr=0.1, weight_decay=0.5, decay=decay)
    optimizer = make_optimizer(spec, model)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    after = model.state_dict()
    assert torch.equal(after["alpha"], before["alpha"])
    assert torch.equal(after["frozen.weight"], before["frozen.weight"])
    assert not torch.equal(after["layer.weight"], before["layer.weight"])


def test_rmsprop_is_keras() -> None:
    """v = 0.9 v + 0.1 g^2; w -= lr g / (sqrt(v) + 1e-7), by hand over three steps."""
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 1.0)
    optimizer = make_optimizer(Training(optimizer="rmsprop", lr=0.01), layer)
    weight, v = 1.0, 0.0
    for gradient in (0.5, -2.0, 0.1):
        layer.weight.grad = torch.full((1, 1), gradient)
        optimizer.step()
        v = 0.9 * v + 0.1 * gradient**2
        weight -= 0.01 * gradient / (math.sqrt(v) + 1e-7)
    assert float(layer.weight.detach()) == pytest.approx(weight, rel=1e-6)


def steps(count: int, **settings: Any) -> tuple[list[float], list[float], float]:
    """A weight of 1 and a bias of 1, and the rate of the last of `count` updates, each with gradient 0.5."""
    layer = nn.Linear(1, 1)
    optimizer = make_optimizer(Training(optimizer="sgd", lr=0.1, weight_decay=0.01, **settings), layer)
    for parameter in layer.parameters():
        nn.init.constant_(parameter, 1.0)
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(count):
        for parameter, into in zip((layer.weight, layer.bias), found, strict=True):
            parameter.grad = torch.full_like(parameter, 0.5)
            into.append(float(parameter.detach()))
        optimizer.step()
    return *found, current_rate(optimizer)


def test_coupled_decay_is_added_to_the_gradient_of_weights_and_biases() -> None:
    weights, biases, rate = steps(2, decay="coupled")
    assert weights[1] == biases[1] == pytest.approx(1 - 0.1 * (0.5 + 0.01))
    assert rate == 0.1


def test_l2_is_the_gradient_of_keras_penalty_and_spares_biases() -> None:
    """d/dw 0.01 w^2 = 2 * 0.01 w."""
    weights, biases, _ = steps(2, decay="l2")
    assert weights[1] == pytest.approx(1 - 0.1 * (0.5 + 2 * 0.01))
    assert biases[1] == pytest.approx(1 - 0.1 * 0.5)


def test_keras_decay_is_a_rate_that_falls_with_every_update() -> None:
    weights, biases, rate = steps(4, decay="keras_decay")
    expected = 1 - 0.5 * np.cumsum([0.1 / (1 + 0.01 * n) for n in range(3)])
    assert weights[1:] == biases[1:] == pytest.approx(expected)
    assert rate == pytest.approx(0.1 / 1.03)


def test_keras_decay_divides_the_rate_of_the_schedule_and_survives_a_checkpoint() -> None:
    spec = Training(optimizer="sgd", lr=1.0, weight_decay=0.5, decay="keras_decay")

    def made() -> tuple[nn.Linear, Optimizer, Any]:
        torch.manual_seed(0)
        layer = nn.Linear(1, 1, bias=False)
        layer.weight.grad = torch.ones(1, 1)
        optimizer = make_optimizer(spec, layer)
        return layer, optimizer, make_schedule(Schedule(kind="step", every=1, factor=0.1), optimizer, 2)

    _, first, plan = made()
    first.step()
    first.step()
    assert current_rate(first) == pytest.approx(1 / 1.5)
    plan.step()
    _, second, _ = made()
    second.load_state_dict(first.state_dict())
    second.step()
    assert current_rate(second) == pytest.approx(0.1 / 2)


def test_sgd_has_momentum() -> None:
    spec = Training(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True)
    group = make_optimizer(spec, Blend()).param_groups[0]
    assert (group["momentum"], group["nesterov"], group["lr"]) == (0.9, True, 0.1)


def test_backbone_stage_has_its_own_rate() -> None:
    group = make_optimizer(BackboneTraining(lr=0.02, optimizer="sgd"), Blend()).param_groups[0]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.02, 0.0, 0.0)


def test_backbone_stage_has_the_same_settings_as_the_temporal_stage() -> None:
    spec = BackboneTraining(optimizer="sgd", momentum=0.9, nesterov=True, weight_decay=0.1)
    group = make_optimizer(spec, Blend()).param_groups[0]
    assert (group["momentum"], group["nesterov"], group["weight_decay"]) == (0.9, True, 0.1)
    with pytest.raises(ValueError, match="`nesterov` needs optimizer: sgd"):
        BackboneTraining(nesterov=True)


def rates(schedule: Schedule | None, losses: list[float]) -> list[float]:
    """The learning rate of each epoch, of 1 at the start."""
    optimizer = make_optimizer(Training(optimizer="sgd", lr=1.0), nn.Linear(1, 1))
    plan = make_schedule(schedule, optimizer, len(losses))
    found = []
    for loss in losses:
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if plan is not None:
            plan.step(*([loss] if schedule and schedule.kind == "plateau" else []))
    return found


def test_schedules() -> None:
    assert rates(None, [1.0] * 3) == [1.0] * 3
    step = rates(Schedule(kind="step", every=2, factor=0.5), [1.0] * 5)
    assert step == pytest.approx([1, 1, 0.5, 0.5, 0.25])
    cosine = rates(Schedule(kind="cosine", floor=0.2), [1.0] * 4)
    assert cosine == pytest.approx(0.2 + 0.8 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2)


def test_plateau_lowers_the_rate_after_so_many_epochs_without_a_decrease() -> None:
    """three-stream paper: the rate is divided when the validation loss has not decreased for 5 epochs."""
    plan = Schedule(kind="plateau", every=5, factor=0.1, floor=0.05)
    # The best is epoch 2; epochs 3 to 7 do not fall below it, so epoch 8 has the lower rate. Any decrease
    # counts, however small: epoch 8 is the best, and 9 to 13 are not.
    losses = [2.0, 1.0, 1.0, 3.0, 1.5, 1.2, 1.0, 1.0 - 1e-6, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert rates(plan, losses) == pytest.approx([1.0] * 7 + [0.1] * 6 + [0.05])
    assert rates(Schedule(kind="plateau", every=1, factor=0.5), [1.0] * 3) == pytest.approx([1.0, 1.0, 0.5])
    falling = [1.0 - 1e-6 * epoch for epoch in range(9)]
    assert rates(Schedule(kind="plateau", every=1), falling) == [1.0] * 9


def test_step_schedule_keeps_its_floor() -> None:
    assert min(rates(Schedule(kind="step", every=1, factor=0.1, floor=0.05), [1.0] * 4)) == pytest.approx(
        0.05
    )
