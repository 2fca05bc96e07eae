"""Optimisers and learning-rate schedules of a recipe, with the defaults of the papers' tools."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import SGD, Adam, Optimizer, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, ReduceLROnPlateau

from ..recipe import BackboneTraining, Schedule, Training

# The papers trained with Keras, whose RMSProp averages over fewer steps than PyTorch's default.
RMSPROP_RHO, RMSPROP_EPSILON = 0.9, 1e-7


def make_optimizer(spec: Training | BackboneTraining, module: nn.Module) -> Optimizer:
    """The optimiser for a module's trainable values. Scalars (alpha) are exempt from weight decay."""
    decay = getattr(spec, "weight_decay", 0.0)
    values = [p for p in module.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in values if p.dim() > 0], "weight_decay": decay},
        {"params": [p for p in values if p.dim() == 0], "weight_decay": 0.0},
    ]
    groups = [g for g in groups if g["params"]]
    match spec.optimizer:
        case "rmsprop":
            return RMSprop(groups, lr=spec.lr, alpha=RMSPROP_RHO, eps=RMSPROP_EPSILON)
        case "adam":
            return Adam(groups, lr=spec.lr)
        case "sgd":
            momentum, nesterov = getattr(spec, "momentum", 0.0), getattr(spec, "nesterov", False)
            return SGD(groups, lr=spec.lr, momentum=momentum, nesterov=nesterov)


def make_schedule(
    spec: Schedule | None, optimizer: Optimizer, epochs: int
) -> LRScheduler | ReduceLROnPlateau | None:
    """The schedule, stepped once per epoch; `plateau` watches the validation (else training) loss."""
    match spec.kind if spec else None:
        case "step":
            assert spec is not None
            every, factor, lowest = spec.every, spec.factor, spec.floor / optimizer.param_groups[0]["lr"]
            return LambdaLR(optimizer, lambda epoch: max(factor ** (epoch // every), lowest))
        case "plateau":
            assert spec is not None
            return ReduceLROnPlateau(optimizer, factor=spec.factor, patience=spec.every, min_lr=spec.floor)
        case "cosine":
            assert spec is not None
            return CosineAnnealingLR(optimizer, epochs, eta_min=spec.floor)
    return None
