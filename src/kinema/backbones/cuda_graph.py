"""A network on a GPU as one launch: small networks take longer to launch, layer by layer, than to compute."""

from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Batches of one shape that are computed layer by layer first: libraries choose their ways meanwhile.
WARM_UP = 2


@dataclass(slots=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    inputs: Tensor
    outputs: Tensor


class CapturedNetwork:
    """`module` on a CUDA device, for inference. A network that cannot be captured runs layer by layer.

    One thread at a time may call, and what is returned is that of the last call until its stream gets to the
    next: copy it on that stream.
    """

    def __init__(self, module: nn.Module):
        self._module = module
        self._calls: dict[torch.Size, int] = {}
        self._captured: dict[torch.Size, _Captured | None] = {}

    def __call__(self, batch: Tensor) -> Tensor:
        """Inputs [N, ...] -> features float32 [N, D]. Raises `torch.OutOfMemoryError`."""
        number = self._calls[batch.shape] = self._calls.get(batch.shape, 0) + 1
        if number <= WARM_UP:
            return self._features(batch)
        if batch.shape not in self._captured:
            self._captured[batch.shape] = self._capture(batch)
        captured = self._captured[batch.shape]
        if captured is None:
            return self._features(batch)
        captured.inputs.copy_(batch)
        captured.graph.replay()
        return captured.outputs

    def _features(self, batch: Tensor) -> Tensor:
        return self._module(batch).float()  # type: ignore[no-any-return]

    def _capture(self, batch: Tensor) -> _Captured | None:
        """The network for batches of this shape; None where it waits for the GPU, or memory is short."""
        graph, inputs = torch.cuda.CUDAGraph(), batch.clone()
        try:
            # Other threads go on using the GPU meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                outputs = self._features(inputs)
        except RuntimeError:
            with suppress(RuntimeError):
                torch.cuda.synchronize()
            return None
        return _Captured(graph, inputs, outputs)
