"""One training stage: a module, its batches and a loss; Lightning runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.utils.data import DataLoader

from ..model.head import Scored
from ..recipe import StageTraining
from .ranks import ALONE, Ranks
from .reuse import Kept

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

Row = dict[str, Any]
Objective = Callable[[nn.Module, Any], Scored]  # of a module and a batch


@dataclass(frozen=True, slots=True)
class FitOptions:
    """Where checkpoints go (None: there are none), whether to resume, whom to tell, the device, what is kept.

    `logger` is one of Lightning's: each row of the history goes there too, its keys after the stage's name.
    `ranks` are the processes that train together.
    """

    checkpoints: Path | None
    resume: bool = False
    device: str = "auto"
    on_epoch: Callable[[Row, int], None] = lambda row, epochs: None
    on_note: Callable[[str], None] = lambda text: None
    kept: Kept = field(default_factory=Kept)
    logger: Logger | None = None
    ranks: Ranks = ALONE


@dataclass(slots=True)
class Stage:
    """Everything one stage needs. `name` appears in the history and in errors.

    `stop_at`: the last epoch, where it is not the recipe's; the schedule is that of all the recipe's epochs.
    `watched`: test videos, looked at for their curve alone.
    """

    name: str
    module: nn.Module
    objective: Objective
    train: DataLoader[Any]  # in the order of an `EpochSampler`
    val: DataLoader[Any] | None
    spec: StageTraining
    seed: int
    options: FitOptions
    stop_at: int | None = None
    watched: DataLoader[Any] | None = None
    history: list[Row] = field(default_factory=list)

    @property
    def held_out(self) -> dict[str, DataLoader[Any]]:
        """What is scored after every epoch, by the prefix of its columns: only `val` may decide anything."""
        return {name: data for name, data in (("val", self.val), ("test", self.watched)) if data is not None}

    @property
    def epochs(self) -> int:
        """How many epochs it is trained for, unless it stops early."""
        return self.stop_at or self.spec.epochs


def run_stage(stage: Stage) -> list[Row]:
    """Train in place and return one row per epoch. Raises `WorkError` when the loss is no longer finite.

    With `resume`, goes on from the stage's last checkpoint; the result equals an uninterrupted run. Of
    several processes each computes a part of every batch; gradients and figures are those of the whole batch.
    """
    from .lightning_stage import run  # seconds, which a head in closed form does not need

    return run(stage)
