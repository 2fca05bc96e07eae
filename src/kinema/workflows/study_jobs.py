"""How many cells are trained side by side."""

from __future__ import annotations

from ..features.reader import free_memory
from ..resources import Resources, gpus, threads

# What training one cell on stored features may need; those that train a backbone need more.
BYTES_A_CELL = 3 * 10**9


def side_by_side(asked: int | None, cells: int, resources: Resources) -> int:
    """Processes for this many cells: those that were asked for, else what processors, memory and GPUs allow.

    A GPU has one at a time, and nothing beside it on the processor.
    """
    return max(1, min(asked or _allowed(resources.device), cells))


def _allowed(device: str) -> int:
    if device not in ("auto", "cpu", "cuda"):
        return 1
    devices = 0 if device == "cpu" else gpus()
    return devices or min(threads(), free_memory() // BYTES_A_CELL)
