"""Optimisers with the papers' constants; schedules against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from kinema.recipe import BackboneTraining, Schedule, Training
from kinema.training.optimizers import make_optimizer, make_schedule


class Blend(nn.Module):
    """A layer, a scalar (alpha) and a frozen layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.alpha = nn.Parameter(torch.tensor(0.5))
        self.frozen = nn.Linear(2, 2).requires_grad_(False)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_weight_decay_spares_scalars_and_frozen_values(name: str) -> None:
    model = Blend()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = make_optimizer(Training(optimizer=name, lr=0.1, weight_decay=0.5), model)
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


def test_sgd_has_momentum() -> None:
    spec = Training(optimizer="sgd", lr=0.1, momentum=0.9, nesterov=True)
    group = make_optimizer(spec, Blend()).param_groups[0]
    assert (group["momentum"], group["nesterov"], group["lr"]) == (0.9, True, 0.1)


def test_backbone_stage_has_its_own_rate() -> None:
    group = make_optimizer(BackboneTraining(lr=0.02, optimizer="sgd"), Blend()).param_groups[0]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.02, 0.0, 0.0)


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
    # Two epochs without gain are borne; at the third the rate falls, and never below the floor.
    plateau = Schedule(kind="plateau", every=2, factor=0.1, floor=0.05)
    assert rates(plateau, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]) == pytest.approx(
        [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.05]
    )


def test_step_schedule_keeps_its_floor() -> None:
    assert min(rates(Schedule(kind="step", every=1, factor=0.1, floor=0.05), [1.0] * 4)) == pytest.approx(
        0.05
    )
