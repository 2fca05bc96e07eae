"""A loaded backbone at work: single inputs in, float32 features out, in batches of one fixed size."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, get_args

import numpy as np
import torch

from ..errors import UsageError, WorkError
from ..resources import Precision, Runtime
from .calibrated import CalibratedNetwork
from .choice import has_openvino
from .device import torch_device
from .load import LoadedBackbone
from .openvino_runtime import OpenVINOForward, Unconvertible
from .tell import tell
from .torch_runtime import Array, TorchForward


class BackboneRunner:
    """Runs a backbone on any number of inputs.

    Every batch has exactly `batch_size` samples, filled up with zeros, so that a sample's features depend
    neither on its place in the batch nor on its neighbours: extraction gives the same bytes however videos
    are interleaved. On a GPU the size is what its free memory takes, and halves where that runs out: features
    then change by rounding alone; and threads may call at the same time. `device`: see `torch_device`.
    `threads` sets the threads of the runtime, torch's for the whole process; None leaves them alone.
    `runtime` auto is OpenVINO on the processor, and torch elsewhere and for networks that OpenVINO cannot
    take, which is told. `network` is the calibrated one that precision int8 needs. Steps that lower precision
    makes infinite or NaN are computed `again` in fp32. With `resizes` torch takes frames of any size.
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
        network: CalibratedNetwork | None = None,
        resizes: bool = False,
    ) -> None:
        if batch_size < 1:
            raise UsageError(f"batch size must be 1 or more, got {batch_size}")
        if precision == "auto" or precision not in get_args(Precision):
            raise UsageError(f"unknown precision '{precision}'; use fp32, bf16 or int8")
        if runtime not in get_args(Runtime):
            raise UsageError(f"unknown runtime '{runtime}'; use auto, torch or openvino")
        self.loaded, self.batch_size, self.dim = loaded, batch_size, loaded.dim
        self.precision, self.again, self._fitted = precision, 0, False
        self._settling = threading.Lock()
        if threads is not None:
            torch.set_num_threads(threads)
        self._device, self._threads, self._asked = device, threads, runtime
        self._resizes = resizes
        self._forward: OpenVINOForward | TorchForward
        if _takes_openvino(device, precision, runtime):
            self.runtime: Runtime = "openvino"
            self._forward = OpenVINOForward(loaded, precision=precision, threads=threads, network=network)
        else:
            self._use_torch()

    def __call__(self, inputs: Sequence[Array]) -> np.ndarray:
        """Features float32 [n, D] of `n` inputs of one shape and dtype (see `InputSpec`).

        To torch inputs may lie on its device.

        Raises `WorkError` where a feature is not finite in fp32 either.
        """
        output = self._computed(inputs)
        wrong = np.flatnonzero(~np.isfinite(output).all(axis=1))
        if len(wrong) and self.precision != "fp32":
            output[wrong] = self._exact([inputs[int(i)] for i in wrong])
            if not self.again:
                what = f"{self.loaded.spec.name} gave values that are not finite in {self.precision}"
                tell(f"{what}: such steps are computed again in fp32")
            with self._settling:
                self.again += len(wrong)
        elif len(wrong):
            raise WorkError(
                f"{self.loaded.spec.name} gave features that are not finite; "
                f"check its weights ({self.loaded.source})"
            )
        return output

    @cached_property
    def _exact(self) -> "BackboneRunner":
        return BackboneRunner(
            self.loaded,
            batch_size=self.batch_size,
            device=self._device,
            threads=self._threads,
            runtime=self._asked,
            resizes=self._resizes,
        )

    def _computed(self, inputs: Sequence[Array]) -> np.ndarray:
        output = np.empty((len(inputs), self.dim), dtype=np.float32)
        if inputs and not self._fitted:
            self._fit(inputs[0])
        start = 0
        while start < len(inputs):
            size = self.batch_size
            part = inputs[start : start + size]
            try:
                features = self._features(part, size)
            except torch.OutOfMemoryError:
                self._halve(size)
            except Unconvertible as error:
                self._give_way(error)
            else:
                output[start : start + len(part)] = features
                start += len(part)
        return output

    def _features(self, part: Sequence[Array], size: int) -> np.ndarray:
        """The features of a part, in its order, computed as one batch."""
        groups = self._alike(part)
        counts = [len(rows) for rows in groups]
        counts[-1] += size - len(part)
        batches = [
            self._forward.batch([part[row] for row in rows], count, number)
            for number, (rows, count) in enumerate(zip(groups, counts, strict=True))
        ]
        features = self._forward(*batches)
        return features[np.argsort(np.concatenate(groups))] if len(groups) > 1 else features[: len(part)]

    def _alike(self, part: Sequence[Array]) -> list[Sequence[int]]:
        """The rows that make a batch: those in one memory, and of one size where torch resizes them."""
        if not isinstance(self._forward, TorchForward):
            return [range(len(part))]
        alike: dict[tuple[Any, ...], list[int]] = {}
        for row, sample in enumerate(part):
            size = sample.shape if self._forward.resizes else ()
            alike.setdefault((type(sample), *size), []).append(row)
        return list(alike.values())

    def _use_torch(self) -> None:
        self.runtime = "torch"
        self._forward = TorchForward(
            self.loaded, device=self._device, precision=self.precision, resizes=self._resizes
        )

    def _fit(self, step: Array) -> None:
        """Make batches no larger than the memory of the GPU takes."""
        with self._settling:
            if not self._fitted and isinstance(self._forward, TorchForward):
                with suppress(torch.OutOfMemoryError):  # then halving finds the size
                    self.batch_size = self._forward.fitting(step, self.batch_size)
            self._fitted = True

    def _halve(self, size: int) -> None:
        """Go on in smaller batches where the memory of the GPU has run out in one of `size`."""
        where, name = self._device, self.loaded.spec.name
        with self._settling:
            torch.cuda.empty_cache()
            if self.batch_size < size:
                return  # another thread was first
            if size == 1:
                raise WorkError(
                    f"not even one step of {name} fits into the memory of {where}; use --device cpu"
                )
            self.batch_size = size // 2
        tell(f"{name}: the memory of {where} ran out; going on in batches of {self.batch_size}")

    def _give_way(self, error: Unconvertible) -> None:
        """Let torch compute what OpenVINO cannot."""
        name = self.loaded.spec.name
        if self.precision == "int8":
            raise WorkError(f"OpenVINO cannot run {name} in int8 ({error}); use --precision fp32") from None
        if self._asked == "openvino":
            raise WorkError(f"OpenVINO cannot run {name} ({error}); leave --runtime out") from None
        tell(f"{name} runs by torch: OpenVINO cannot take it ({error})")
        self._asked = "torch"
        self._use_torch()


def _takes_openvino(device: str, precision: Precision, runtime: Runtime) -> bool:
    """Whether OpenVINO computes. Raises `UsageError` for what cannot be had together."""
    named = runtime == "openvino" or precision == "int8"
    if named and device not in ("auto", "cpu"):
        what = "runtime openvino" if runtime == "openvino" else "precision int8"
        raise UsageError(f"{what} works on the processor, not on {device}; use --device cpu")
    if precision == "int8" and runtime == "torch":
        raise UsageError("precision int8 is OpenVINO's; leave --runtime out")
    if named:
        return True
    return runtime == "auto" and torch_device(device).type == "cpu" and has_openvino()
