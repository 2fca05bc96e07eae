"""The processes that train together: which one this is, and what they tell each other.

Nothing is launched or connected by Kinema: Lightning finds out whether torchrun, SLURM or Ray Train started
this process, starts the others of one machine itself where nobody did, and connects them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import UsageError, WorkError

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")
# While the first process extracts, the others wait.
_TIMEOUT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Ranks:
    """Process `rank` of `count`, on `devices` of each of `nodes`. Every method is called by all of them."""

    rank: int = 0
    count: int = 1
    devices: int = 1
    nodes: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def from_first(self, function: Callable[[], T]) -> T:
        """What `function` returns in the first process, which alone calls it; what it raises, all raise."""
        if self.count == 1:
            return function()
        answer: list[Any] = [None, None]
        if self.first:
            try:
                answer[0] = function()
            except (UsageError, WorkError) as error:
                answer[1] = error
        found, failure = self._broadcast(answer)
        if failure is not None:
            raise failure
        result: T = found
        return result

    def check_same(self, digest: str) -> None:
        """Raise `WorkError` where the processes are not about to do the same training."""
        if self.count > 1 and len(set(self._gather(digest))) > 1:
            raise WorkError(
                "the processes see other videos, settings or weights than the first one; "
                "give all of them the same data, --weights and Kinema"
            )

    def total(self, values: Sequence[float]) -> list[float]:
        """The sum over the processes of each value."""
        if self.count == 1:
            return list(values)
        import torch
        import torch.distributed as dist

        summed = torch.tensor(values, dtype=torch.float64, device=_device())
        dist.all_reduce(summed)
        return [float(value) for value in summed.tolist()]

    def rows(self, items: Sequence[Any], function: Callable[[Sequence[Any]], np.ndarray]) -> np.ndarray:
        """`function` of all items, an array with a row an item, of which each process computes its part."""
        if self.count == 1:
            return function(items)
        import numpy as np

        parts = self._gather(function(items[self.rank :: self.count]))
        joined = np.zeros((len(items), *parts[0].shape[1:]), parts[0].dtype)
        for rank, part in enumerate(parts):
            joined[rank :: self.count] = part
        return joined

    def union(self, facts: dict[str, str]) -> dict[str, str]:
        """What any process found."""
        if self.count == 1:
            return facts
        return {key: value for part in self._gather(facts) for key, value in part.items()}

    def _broadcast(self, value: Any) -> Any:
        import torch.distributed as dist

        box = [value]
        dist.broadcast_object_list(box, src=0, device=_device())
        return box[0]

    def _gather(self, value: Any) -> list[Any]:
        import torch.distributed as dist

        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, value)
        return found


ALONE = Ranks()


def check_ranks(devices: int, nodes: int, device: str) -> None:
    """Refuse what cannot be, before anything is loaded. Raises `UsageError`."""
    if devices < 1 or nodes < 1:
        raise UsageError(f"--devices {devices} --nodes {nodes}: give 1 or more of each")
    if devices * nodes > 1 and (":" in device or device == "mps"):
        raise UsageError(f"device {device} is one device; leave --device out, or --devices and --nodes")
    started = os.environ.get("WORLD_SIZE", "1")
    if started.isdecimal() and int(started) not in (1, devices * nodes):
        raise UsageError(
            f"{started} processes were started for --devices {devices} --nodes {nodes}; "
            "start as many as devices times nodes"
        )


def join(devices: int, nodes: int, device: str) -> Ranks:
    """This process among devices x nodes, connected to the others. Raises `UsageError`."""
    check_ranks(devices, nodes, device)
    if devices * nodes == 1:
        return ALONE
    # Ahead of torch, whose remarks on unused parameters are not for users.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from lightning.fabric import Fabric
    from lightning.fabric.strategies import DDPStrategy

    from .lightning_stage import quiet

    quiet()
    accelerator = device if device in ("cpu", "cuda") else "auto"
    try:
        strategy = DDPStrategy(timeout=_TIMEOUT)
        fabric = Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes, strategy=strategy)
        fabric.launch()
    except (ValueError, RuntimeError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(f"{devices} devices on {nodes} nodes cannot train together: {first}") from None
    return Ranks(fabric.global_rank, fabric.world_size, devices, nodes)


def _device() -> Any:
    """Where tensors lie that processes exchange: NCCL takes those of GPUs alone."""
    import torch
    import torch.distributed as dist

    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
