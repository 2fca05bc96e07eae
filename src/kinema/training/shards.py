"""Each process's part of every batch, so that all of them together walk through the batches of one."""

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Sampler

from .ranks import Ranks


class Shard(Sampler[list[Any]]):
    """Of every batch the members `rank`, `rank + count` and so on.

    A batch that has too few gives its first member again, and counts as a filler: every process has as many
    batches, because they exchange gradients.
    """

    def __init__(self, batches: Any, sampler: Any, ranks: Ranks):
        # Lightning looks for the sampler behind a batch sampler by this name, to tell it the epoch.
        self.batches, self.sampler, self.ranks = batches, sampler, ranks
        self.fillers: list[bool] = []

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch."""
        set_epoch(self.sampler, epoch)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Any]]:
        self.fillers = []
        for batch in self.batches:
            own = batch[self.ranks.rank :: self.ranks.count]
            self.fillers.append(not own)
            yield own or batch[:1]


def sharded(loader: DataLoader[Any], ranks: Ranks) -> DataLoader[Any]:
    """The loader with this process's part of every batch; as it is where there is one process."""
    if ranks.count == 1:
        return loader
    if loader.batch_sampler is None:  # the sampler's own lists are the batches
        shard = Shard(loader.sampler, loader.sampler, ranks)
        return DataLoader(loader.dataset, batch_size=None, sampler=shard, collate_fn=loader.collate_fn)
    shard = Shard(loader.batch_sampler, loader.sampler, ranks)
    return DataLoader(loader.dataset, batch_sampler=shard, collate_fn=loader.collate_fn)


def order_of(loader: DataLoader[Any]) -> Any:
    """What decides the order of a loader's batches."""
    return loader.batch_sampler if isinstance(loader.batch_sampler, Shard) else loader.sampler


def set_epoch(order: Any, epoch: int) -> None:
    """Choose an order's epoch, where it has any."""
    chosen = getattr(order, "set_epoch", None)
    if chosen is not None:
        chosen(epoch)


def is_filler(loader: DataLoader[Any], index: int) -> bool:
    """Whether this process's part of a batch is none, and something stands in for it."""
    order = order_of(loader)
    return isinstance(order, Shard) and order.fillers[index]
