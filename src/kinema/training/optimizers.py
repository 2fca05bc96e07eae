"""Optimisers and learning-rate schedules of a recipe, with the defaults of the papers' tools."""

from typing import Any

from torch import nn
from torch.optim import SGD, Adam, Optimizer, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, ReduceLROnPlateau

from ..recipe import Schedule, StageTraining

# The papers trained with Keras, whose RMSProp averages over fewer steps than PyTorch's default.
RMSPROP_RHO, RMSPROP_EPSILON = 0.9, 1e-7


def make_optimizer(spec: StageTraining, module: nn.Module) -> Optimizer:
    """The optimiser for a module's trainable values; which of them decay, and how: see `StageTraining`."""
    groups = _groups(spec, module)
    match spec.optimizer:
        case "rmsprop":
            optimizer: Optimizer = RMSprop(groups, lr=spec.lr, alpha=RMSPROP_RHO, eps=RMSPROP_EPSILON)
        case "adam":
            optimizer = Adam(groups, lr=spec.lr)
        case "sgd":
            optimizer = SGD(groups, lr=spec.lr, momentum=spec.momentum, nesterov=spec.nesterov)
    if spec.decay == "keras_decay":
        _divide_rate(optimizer, spec.weight_decay)
    return optimizer


def _groups(spec: StageTraining, module: nn.Module) -> list[dict[str, Any]]:
    """Trainable values with what is added to their gradients, in multiples of the value itself."""
    least_dim, decay = {
        "coupled": (1, spec.weight_decay),
        "l2": (2, 2 * spec.weight_decay),
        "keras_decay": (0, 0.0),
    }[spec.decay]
    values = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in values if p.dim() >= least_dim], "weight_decay": decay},
        {"params": [p for p in values if p.dim() < least_dim], "weight_decay": 0.0},
    ]
    return [g for g in groups if g["params"]]


def _divide_rate(optimizer: Optimizer, decay: float) -> None:
    """Make every update at lr / (1 + decay * earlier updates), where `lr` is the schedule's.

    The count is kept in the parameter groups, so that it travels in checkpoints.
    """
    for group in optimizer.param_groups:
        group["updates"], group["rate"] = 0, group["lr"]

    def before(*_: Any) -> None:
        for group in optimizer.param_groups:
            group["rate"] = group["lr"]
            group["lr"] /= 1 + decay * group["updates"]

    def after(*_: Any) -> None:
        for group in optimizer.param_groups:
            group["lr"], group["rate"] = group["rate"], group["lr"]
            group["updates"] += 1

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)


def current_rate(optimizer: Optimizer) -> float:
    """The learning rate of the last update."""
    group = optimizer.param_groups[0]
    return float(group.get("rate", group["lr"]))


def make_schedule(
    spec: Schedule | None, optimizer: Optimizer, epochs: int
) -> LRScheduler | ReduceLROnPlateau | None:
    """The schedule, stepped once per epoch; `plateau` is given the validation (else training) loss."""
    if spec is None:
        return None
    match spec.kind:
        case "step":
            every, factor, lowest = spec.every, spec.factor, spec.floor / optimizer.param_groups[0]["lr"]
            return LambdaLR(optimizer, lambda epoch: max(factor ** (epoch // every), lowest))
        case "plateau":
            return ReduceLROnPlateau(
                optimizer,
                factor=spec.factor,
                patience=spec.every - 1,  # PyTorch lowers the rate after one epoch more than `patience`
                threshold=0.0,
                threshold_mode="abs",
                min_lr=spec.floor,
            )
        case "cosine":
            return CosineAnnealingLR(optimizer, epochs, eta_min=spec.floor)
