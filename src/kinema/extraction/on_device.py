"""Clips to a GPU from the memory that a worker wrote them to: this process makes no copy of them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..backbones.device import torch_device


@dataclass(frozen=True, slots=True)
class OnDevice:
    """Bytes in a GPU's memory: uint8 [n]."""

    memory: Tensor

    def arrays(self, start: int, end: int, dtype: str, shape: Sequence[int]) -> Sequence[Tensor]:
        """A part of them as arrays of one shape, one behind the other."""
        kind = torch.from_numpy(np.empty(0, dtype)).dtype
        return self.memory[start:end].view(kind).reshape(-1, *shape).unbind()


class DeviceMemory:
    """Moves memory to a device. Any thread may call; each has a stream beside what is computed."""

    def __init__(self, device: str):
        self._place = torch_device(device)
        self._own = threading.local()

    def __call__(self, memory: np.ndarray) -> OnDevice | None:
        """The bytes uint8 [n] there, when they are; None where they find no room."""
        try:
            if self._place.type != "cuda":
                return OnDevice(torch.from_numpy(memory).to(self._place, copy=True))
            return OnDevice(self._moved(memory))
        except torch.OutOfMemoryError:
            return None

    def _moved(self, memory: np.ndarray) -> Tensor:
        stream: torch.cuda.Stream | None = getattr(self._own, "stream", None)
        if stream is None:
            stream = self._own.stream = torch.cuda.Stream(self._place)
        with torch.cuda.device(self._place):
            computing = torch.cuda.current_stream()
            with torch.cuda.stream(stream):
                there = torch.from_numpy(memory).to(self._place)  # waits for it
            there.record_stream(computing)  # where it is used
        return there
