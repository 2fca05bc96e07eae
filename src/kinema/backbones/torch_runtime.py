"""Backbones through torch: on GPUs, and on processors where OpenVINO is not."""

import copy
import math
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from ..resources import Precision
from .batches import filled
from .choice import processor_has_bf16
from .cuda_graph import Recorded
from .device import torch_device
from .load import LoadedBackbone
from .module import Backbone
from .resizing import at_size

# An input, or a batch of them, in this process's memory or on the device.
Array = np.ndarray | Tensor

# The share of a GPU's free memory that a batch may take.
_SHARE = 0.5


class TorchForward:
    """Batches of inputs -> features float32. `device`: see `torch_device`.

    With `resizes` frames may have any size: the device brings them to the network's. Threads may call at the
    same time: on a GPU one fills its batch while the GPU computes that of another. A processor without bf16
    imitates it: operands and results are rounded, at the speed of fp32, where torch takes tens of times as
    long.
    """

    def __init__(
        self,
        loaded: LoadedBackbone,
        *,
        device: str,
        precision: Precision = "fp32",
        resizes: bool = False,
    ) -> None:
        self.place = torch_device(device)
        imitated = precision == "bf16" and self.place.type == "cpu" and not processor_has_bf16()
        if imitated:
            self._module = _imitating_bf16(loaded.module)
        else:
            self._module = _prepared(loaded.module, _cast(precision, loaded.module, self.place))
        self._module.to(self.place)
        self._name, self._view = loaded.spec.name, loaded.spec.input
        self._network = Recorded(self._module, self._name)
        self.resizes = resizes and self._view.dtype == "uint8" and self._view.size is not None
        self._autocast = precision == "bf16" and loaded.module.autocasts and not imitated
        self._rounds = precision != "fp32"
        self._own = threading.local()
        self._launching = threading.Lock()

    def batch(self, samples: Sequence[Any], size: int, number: int = 0) -> Array:
        """A batch of `size`: samples of one shape, and zeros behind them; `number` is its place in a call.

        Samples that are on the device stay there. Others are put into memory of this thread, pinned for a GPU
        to read by itself, which the next batch of this number takes over.
        """
        shape = size, *samples[0].shape
        if isinstance(samples[0], Tensor):
            return torch.stack([*samples, *[torch.zeros_like(samples[0])] * (size - len(samples))])
        return filled(self._memory(shape, number), samples, self._name)

    def _memory(self, shape: tuple[int, ...], number: int) -> np.ndarray:
        size = math.prod(shape) * np.dtype(self._view.dtype).itemsize
        owned: dict[int, np.ndarray] = self._own.__dict__.setdefault("memory", {})
        if number not in owned or len(owned[number]) < size:
            pinned = self.place.type == "cuda"
            owned[number] = torch.empty(size, dtype=torch.uint8, pin_memory=pinned).numpy()
        return owned[number][:size].view(self._view.dtype).reshape(shape)

    def __call__(self, *batches: Array) -> np.ndarray:
        """[N, ...] of the backbone's input -> float32 [N, D]. Raises `torch.OutOfMemoryError`.

        Several batches, of frames of one size each, are computed as one. Inputs go to a GPU as they are
        (frames as uint8), from pinned memory, so that nothing waits for them.
        """
        inputs = [torch.as_tensor(batch) for batch in batches]
        with (
            torch.inference_mode(),
            torch.autocast(self.place.type, torch.bfloat16, enabled=self._autocast),
        ):
            if self.place.type == "cuda":
                return self._on_gpu(inputs)
            there = self._joined([part.to(self.place) for part in inputs])
            return self._module(there).float().cpu().numpy()  # type: ignore[no-any-return]

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        """One batch at the size of the network."""
        fitted = [at_size(part, self._view) if self.resizes else part for part in parts]
        return fitted[0] if len(fitted) == 1 else torch.cat(fitted)

    def _on_gpu(self, inputs: Sequence[Tensor]) -> np.ndarray:
        """Batches are launched one after the other; each thread waits for the end of its own."""
        with torch.cuda.device(self.place):
            computing, copying = torch.cuda.current_stream(), self._copying()
            with torch.cuda.stream(copying):
                there = [part.to(self.place, non_blocking=True) for part in inputs]
            with self._launching, _convolutions(rounding=self._rounds):
                computing.wait_stream(copying)
                features = self._network(self._joined(there))
                result = torch.empty(features.shape, pin_memory=True)
                result.copy_(features, non_blocking=True)
                for part in there:
                    part.record_stream(computing)
                ended = computing.record_event()
            ended.synchronize()
        return result.numpy()  # type: ignore[no-any-return]

    def _copying(self) -> torch.cuda.Stream:
        """This thread's stream for what it copies to the GPU."""
        stream: torch.cuda.Stream | None = getattr(self._own, "stream", None)
        if stream is None:
            stream = self._own.stream = torch.cuda.Stream(self.place)
        return stream

    def fitting(self, step: Array, largest: int) -> int:
        """How many inputs like `step` make a batch here: on a GPU by its free memory, `largest` at most."""
        if self.place.type != "cuda":
            return largest
        torch.cuda.reset_peak_memory_stats(self.place)
        before = torch.cuda.memory_allocated(self.place)
        self(step[None])
        taken = torch.cuda.max_memory_allocated(self.place) - before
        free, _ = torch.cuda.mem_get_info(self.place)
        return fitting_batch(free, taken, largest)


def fitting_batch(free: int, step: int, largest: int) -> int:
    """The largest power-of-two part of `largest` whose steps, of `step` bytes each, take half of `free`.

    >>> fitting_batch(free=8_000, step=100, largest=64), fitting_batch(free=8_000, step=9_000, largest=64)
    (32, 1)
    """
    while largest > 1 and largest * step > _SHARE * free:
        largest //= 2
    return largest


def _convolutions(*, rounding: bool) -> AbstractContextManager[None]:
    """While it lasts, whether a GPU may round what it convolves in fp32 to TF32, as torch lets it."""
    # The other values are those that are set anyway.
    known = torch.backends.cudnn
    return known.flags(  # type: ignore[no-any-return]
        enabled=known.enabled,
        benchmark=known.benchmark,
        deterministic=known.deterministic,
        allow_tf32=rounding,
    )


def _cast(precision: Precision, module: Backbone, place: torch.device) -> Precision:
    """fp32 for 3D convolutions on a GPU: as TF32 cuDNN's are two thirds faster than in bf16."""
    solid = not module.autocasts and any(isinstance(part, nn.Conv3d) for part in module.modules())
    return "fp32" if solid and place.type == "cuda" else precision


def _prepared(module: Backbone, precision: Precision) -> nn.Module:
    """A private copy in the memory format (and precision) that runs fastest."""
    own = copy.deepcopy(module).eval()
    for part in own.modules():
        if precision == "bf16" and not module.autocasts and isinstance(part, _ConvNd | nn.Linear):
            part.to(torch.bfloat16)  # batch norm keeps its float32 statistics
        if isinstance(part, nn.Conv2d):
            part.to(memory_format=torch.channels_last)
        elif isinstance(part, nn.Conv3d):
            part.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return own


def _imitating_bf16(module: Backbone) -> nn.Module:
    """A private copy whose convolutions and linear layers round as bf16 does: sums alone are in fp32."""
    own = _prepared(module, "fp32")
    for part in own.modules():
        if isinstance(part, _ConvNd | nn.Linear):
            for value in part.parameters(recurse=False):
                value.data = _rounded(value.data)
            part.register_forward_pre_hook(lambda _, inputs: tuple(_rounded(x) for x in inputs))
            part.register_forward_hook(lambda _, inputs, output: _rounded(output))
    return own


def _rounded(x: Tensor) -> Tensor:
    return x.bfloat16().float()
