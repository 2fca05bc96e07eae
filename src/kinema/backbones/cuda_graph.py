"""A network on a CUDA GPU, launched as a whole in place of layer by layer."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .tell import tell


@dataclass(frozen=True, slots=True)
class _Recording:
    """A graph, and the memory that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    x: Tensor
    features: Tensor


class Recorded:
    """`network`, recorded as a CUDA graph for the shape of batches that comes most.

    A shape is recorded when it comes a second time in a row: what comes once (a short video's only batch) is
    computed layer by layer. Both give the same bytes. A network that cannot be recorded stays as it is, which
    is told once. One thread may call at a time; others may use the GPU meanwhile.
    """

    def __init__(self, network: Callable[[Tensor], Tensor], name: str):
        self._network, self._name = network, name
        self._last: torch.Size | None = None
        self._recording: _Recording | None = None
        self._able = True

    def __call__(self, x: Tensor) -> Tensor:
        """float32 [N, D] for [N, ...] on the GPU; the next call writes over it, in its turn."""
        again, self._last = x.shape == self._last, x.shape
        if not again:
            self._recording = None
        elif self._recording is None and self._able:
            self._recording = self._recorded(x)
        if self._recording is None:
            return self._network(x).float()
        self._recording.x.copy_(x)
        self._recording.graph.replay()
        return self._recording.features

    def _recorded(self, x: Tensor) -> _Recording | None:
        graph, stays = torch.cuda.CUDAGraph(), x.clone()
        # torch deals out 32 streams in turn, so that one of them may be another thread's, which copies; those
        # of high priority are others.
        stream = torch.cuda.Stream(x.device, priority=-1)
        try:
            # Of this thread alone: the others, which bring frames, may allocate memory in the meantime.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                features = self._network(stays).float()
        except RuntimeError as error:  # no memory, or a layer that waits for the processor
            self._able = False
            _free_generator(x.device)
            tell(f"{self._name} is launched layer by layer, which is slower ({str(error).splitlines()[0]})")
            return None
        return _Recording(graph, stays, features)


def _free_generator(device: torch.device) -> None:
    """A recording that failed holds the device's random numbers: give them a new state like the old."""
    generator = torch.cuda.default_generators[device.index or 0]
    generator.graphsafe_set_state(generator.clone_state())
