"""A training stage as Lightning runs it: its callbacks, its checkpoints, its history."""

import logging
import signal
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.strategies import DDPStrategy, Strategy
from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ..errors import WorkError
from ..model.head import Scored
from .checkpoint import SafeCheckpointIO
from .optimizers import current_rate, make_optimizer, make_schedule
from .shards import is_filler, order_of, set_epoch, sharded
from .stage import Row, Stage


def run(stage: Stage) -> list[Row]:
    """See `kinema.training.stage.run_stage`."""
    quiet()
    options, best = stage.options, _BestState()
    callbacks: list[pl.Callback] = []
    last: Path | None = None
    if options.checkpoints is not None:
        last = options.checkpoints / f"{stage.name}.ckpt"
        callbacks.append(
            ModelCheckpoint(last.parent, filename=stage.name, save_top_k=1, enable_version_counter=False)
        )
    if stage.spec.stop_after:
        monitor = "val_loss" if stage.val is not None else "train_loss"
        callbacks.append(_Patience(monitor, patience=stage.spec.stop_after, check_finite=False))
    if stage.spec.keep == "best" and stage.val is not None:
        callbacks.append(best)
    accelerator, _, number = options.device.partition(":")
    ranks = options.ranks
    stage.train = sharded(stage.train, ranks)
    stage.val = sharded(stage.val, ranks) if stage.val is not None else None
    stage.watched = sharded(stage.watched, ranks) if stage.watched is not None else None
    strategy: Strategy | str = "auto"
    if ranks.count > 1:  # a recogniser may have parts that a stage does not use
        strategy = DDPStrategy(find_unused_parameters=True)
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices=[int(number)] if number else ranks.devices,
        num_nodes=ranks.nodes,
        strategy=strategy,
        use_distributed_sampler=False,  # batches are shared out by us, in their order
        sync_batchnorm=ranks.count > 1 and torch.cuda.is_available() and accelerator != "cpu",
        max_epochs=stage.epochs,
        callbacks=callbacks,
        plugins=[SafeCheckpointIO()],
        gradient_clip_val=stage.spec.clip_norm,
        logger=options.logger or False,
        enable_checkpointing=last is not None,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        deterministic="warn",
    )
    # Lightning leaves modes as they are, and a loaded backbone is in evaluation mode.
    stage.module.train()
    _fit(trainer, stage, str(last) if last and options.resume and last.exists() else None)
    if best.state:
        stage.module.load_state_dict(best.state)
    stage.module.to("cpu").eval()
    return stage.history


def _fit(trainer: pl.Trainer, stage: Stage, ckpt: str | None) -> None:
    """Lightning's fit; an interruption by the keyboard, where Lightning exits, is re-raised as itself."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(_LitStage(stage), stage.train, [*stage.held_out.values()] or None, ckpt_path=ckpt)
    except SystemExit as stop:
        if not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


class _LitStage(pl.LightningModule):
    """Adapts a `Stage` to Lightning: losses, counts, schedule, history, finite check."""

    def __init__(self, stage: Stage):
        super().__init__()
        self.stage = stage
        self.module = stage.module
        self.sums: dict[str, float] = {}
        self.started = 0.0
        self.schedule_state: dict[str, Any] = {}

    def configure_optimizers(self) -> Any:
        spec = self.stage.spec
        optimizer = make_optimizer(spec, self.module)
        # Not Lightning's to step: it steps `plateau` after the checkpoint is written.
        self.schedule = make_schedule(spec.schedule, optimizer, spec.epochs)
        if self.schedule is not None and self.schedule_state:
            self.schedule.load_state_dict(self.schedule_state)
        return optimizer

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["kinema_history"] = self.stage.history
        checkpoint["kinema_schedule"] = self.schedule.state_dict() if self.schedule is not None else {}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.stage.history = list(checkpoint["kinema_history"])
        done, epochs = len(self.stage.history), self.stage.epochs
        if done < epochs:
            self.stage.options.on_note(f"stage {self.stage.name} goes on from epoch {done + 1} of {epochs}")
        self.schedule_state = checkpoint["kinema_schedule"]
        # Lightning fetches the first batch before it says which epoch this is.
        set_epoch(order_of(self.stage.train), len(self.stage.history))

    def on_train_epoch_start(self) -> None:
        self.sums, self.started = {}, time.monotonic()

    def training_step(self, batch: Any, index: int) -> Tensor:
        if index == 0:
            # Dropout then depends on (seed, epoch) alone, which makes a resumed run equal to a whole one.
            # Not earlier: whether the loader draws a number before or after the epoch starts differs.
            # Each process draws numbers of its own.
            rank = self.stage.options.ranks.rank
            torch.manual_seed(self.stage.seed * 1_000_003 + self.current_epoch + (rank << 40))
        loss, finite = self._add("train", batch, is_filler(self.stage.train, index))
        if not finite:
            raise WorkError(
                f"training stage '{self.stage.name}': the loss is not finite at "
                f"epoch {self.current_epoch + 1}, step {index + 1}; lower training.lr"
            )
        return loss

    def validation_step(self, batch: Any, index: int, dataloader_idx: int = 0) -> None:
        prefix, loader = [*self.stage.held_out.items()][dataloader_idx]
        self._add(prefix, batch, is_filler(loader, index))

    def _add(self, prefix: str, batch: Any, filler: bool) -> tuple[Tensor, bool]:
        """Count a batch; its loss, and whether it is finite.

        Of several processes it is this one's share of the loss of the whole batch, times their number: the
        mean over processes, which DDP takes of gradients, is then the gradient of one process.
        """
        scored, ranks = Scored(*self.stage.objective(self.module, batch)), self.stage.options.ranks
        loss, hits, items = scored.loss, scored.hits, scored.items
        if ranks.count == 1:
            value, finite = float(loss.detach()) * items, bool(torch.isfinite(loss))
        else:
            own = 0.0 if filler else float(items if scored.mass is None else scored.mass)
            hits, items = (0, 0) if filler else (hits, items)
            finite = filler or bool(torch.isfinite(loss))
            whole, all_items, wrong = ranks.total([own, items, not finite])
            loss = loss * (own / whole if whole else 0.0)
            value, finite = float(loss.detach()) * all_items, not wrong
            loss = loss * ranks.count
        for key, count in (("loss", value), ("hits", hits), ("items", items)):
            self.sums[f"{prefix}_{key}"] = self.sums.get(f"{prefix}_{key}", 0.0) + count
        return loss, finite

    def _gather(self, *prefixes: str) -> None:
        """Make this process's sums those of all."""
        keys = sorted(key for key in self.sums if key.partition("_")[0] in prefixes)
        self.sums |= dict(
            zip(keys, self.stage.options.ranks.total([self.sums[k] for k in keys]), strict=True)
        )

    def on_validation_epoch_end(self) -> None:
        self._gather("val", "test")
        if self.stage.val is None:
            return
        self.log("val_loss", self._mean("val", "loss"), logger=False)

    def _mean(self, prefix: str, key: str) -> float:
        return self.sums.get(f"{prefix}_{key}", 0.0) / max(self.sums.get(f"{prefix}_items", 0.0), 1.0)

    def on_train_epoch_end(self) -> None:
        self._gather("train")
        self.log("train_loss", self._mean("train", "loss"), logger=False)
        row: Row = {"stage": self.stage.name, "epoch": self.current_epoch + 1}
        for prefix in ("train", "val", "test"):
            if f"{prefix}_items" in self.sums:
                row[f"{prefix}_loss"] = self._mean(prefix, "loss")
                row[f"{prefix}_accuracy"] = self._mean(prefix, "hits")
        row["lr"] = current_rate(self.trainer.optimizers[0])
        row["seconds"] = round(time.monotonic() - self.started, 3)
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(row["val_loss" if "val_loss" in row else "train_loss"])
        elif self.schedule is not None:
            self.schedule.step()
        self.stage.history.append(row)
        if self.logger is not None:
            values = {k: v for k, v in row.items() if k not in ("stage", "epoch")}
            self.logger.log_metrics({f"{self.stage.name}/{k}": v for k, v in values.items()}, row["epoch"])
        self.stage.options.on_epoch(row, self.stage.epochs)


class _Patience(EarlyStopping):
    """Early stopping that stays stopped: a finished stage that is resumed trains no further epoch."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.stopped_epoch:
            trainer.should_stop = True


class _BestState(pl.Callback):
    """Keeps the values of the epoch with the lowest validation loss; travels in the checkpoint."""

    def __init__(self) -> None:
        self.loss = float("inf")
        self.state: dict[str, Tensor] = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, _LitStage)
        loss = pl_module._mean("val", "loss")
        if loss < self.loss:
            self.loss = loss
            self.state = {k: v.detach().cpu().clone() for k, v in pl_module.module.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        return {"loss": self.loss, "state": self.state}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.loss, self.state = state_dict["loss"], state_dict["state"]


def quiet() -> None:
    """Lightning's advice about workers and loggers is not for Kinema's users."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning.*")
