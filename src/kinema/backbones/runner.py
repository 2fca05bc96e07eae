"""A loaded backbone at work: single inputs in, float32 features out, in batches of one fixed size."""

import copy
from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from ..errors import UsageError, WorkError
from ..resources import Precision, Runtime
from .device import torch_device
from .load import LoadedBackbone
from .module import Backbone


class BackboneRunner:
    """Runs a backbone on any number of inputs.

    Every batch has exactly `batch_size` samples, filled up with zeros, so that a sample's features depend
    neither on its place in the batch nor on its neighbours: extraction gives the same bytes however videos
    are interleaved. `device`: see `torch_device`. `threads` sets torch's threads for the
    whole process; None leaves them alone. `precision="bf16"` halves the time where the processor or GPU
    has it; features then differ by a few per cent (4 % for MobileNetV2 with ImageNet values).
    `runtime="openvino"` needs the extra of that name; it is the fastest on processors.
    """

    def __init__(
        self,
        loaded: LoadedBackbone,
        *,
        batch_size: int = 8,
        device: str = "auto",
        precision: Precision = "fp32",
        threads: int | None = None,
        runtime: Runtime = "torch",
    ) -> None:
        if batch_size < 1:
            raise UsageError(f"batch size must be 1 or more, got {batch_size}")
        self.loaded, self.batch_size, self.dim = loaded, batch_size, loaded.dim
        if precision not in get_args(Precision):
            raise UsageError(f"unknown precision '{precision}'; use fp32 or bf16")
        if threads is not None:
            torch.set_num_threads(threads)
        self._forward = _forward(loaded, device, precision, threads, runtime)

    def __call__(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Features float32 [n, D] of `n` inputs of one shape and dtype (see `InputSpec`).

        Raises `WorkError` where a feature is not finite.
        """
        output = np.empty((len(inputs), self.dim), dtype=np.float32)
        for start in range(0, len(inputs), self.batch_size):
            part = inputs[start : start + self.batch_size]
            output[start : start + len(part)] = self._forward(self._batch(part))[: len(part)]
        if not np.isfinite(output).all():
            raise WorkError(
                f"{self.loaded.spec.name} gave features that are not finite; "
                f"check its weights ({self.loaded.source}), or use precision fp32"
            )
        return output

    def _batch(self, part: Sequence[np.ndarray]) -> np.ndarray:
        dtype = self.loaded.spec.input.dtype
        batch = np.zeros((self.batch_size, *part[0].shape), dtype=dtype)
        for row, sample in zip(batch, part, strict=False):
            if sample.shape != row.shape or sample.dtype != batch.dtype:
                raise ValueError(
                    f"{self.loaded.spec.name} takes {dtype} {row.shape}, got {sample.dtype} {sample.shape}"
                )
            row[...] = sample
        return batch


def _forward(
    loaded: LoadedBackbone, device: str, precision: Precision, threads: int | None, runtime: Runtime
) -> Callable[[np.ndarray], np.ndarray]:
    """A batch of inputs -> features float32."""
    if runtime == "torch":
        place = torch_device(device)
        module = _prepared(loaded.module, precision).to(place)
        autocast = precision == "bf16" and loaded.module.autocasts

        def forward(batch: np.ndarray) -> np.ndarray:
            with torch.inference_mode(), torch.autocast(place.type, torch.bfloat16, enabled=autocast):
                return module(torch.from_numpy(batch).to(place)).float().cpu().numpy()

        return forward
    if runtime != "openvino":
        raise UsageError(f"unknown runtime '{runtime}'; use torch or openvino")
    if device not in ("auto", "cpu"):
        raise UsageError(f"runtime openvino works on the processor, not on {device}; use --device cpu")
    from .openvino_runtime import OpenVINOForward

    return OpenVINOForward(loaded, precision=precision, threads=threads)


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
