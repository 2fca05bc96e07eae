"""Backbones through OpenVINO: the fastest way on processors."""

import hashlib
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from ..errors import UsageError
from ..resources import Precision
from .batches import filled
from .calibrated import CalibratedNetwork
from .choice import INSTALL
from .kept import keep, read_kept
from .load import LoadedBackbone

# How far features may lie from torch's, relative to their norm, before a network counts as not convertible:
# fp32 is within 1e-4 of it, bf16 rounds.
TOLERANCE = {"fp32": 1e-3, "bf16": 0.5}


class Unconvertible(Exception):
    """OpenVINO cannot take a network; the text says why."""


def openvino() -> ModuleType:
    """The package. Raises `UsageError` where it is not installed.

    Its telemetry reports every import to its makers; without that package it has nothing to report with.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError:
        raise UsageError(f"OpenVINO is not installed; {INSTALL}") from None
    return openvino


class OpenVINOForward:
    """A batch of inputs -> features float32, by a network compiled once for each input shape.

    Converting and compiling take seconds to half a minute, so the compiled network is kept (see `kept`),
    under the digest of its values and all that decides it. `network` is the calibrated one of int8. Calls
    raise `Unconvertible` where the backbone cannot be taken, or comes out different from torch's.
    """

    def __init__(
        self,
        loaded: LoadedBackbone,
        *,
        precision: Precision = "fp32",
        threads: int | None = None,
        network: CalibratedNetwork | None = None,
    ) -> None:
        self._openvino = openvino()
        self._core = self._openvino.Core()
        self._loaded, self._precision, self._network = loaded, precision, network
        # Without the hint OpenVINO picks a precision of its own. Threads that are tied to cores would meet
        # those of other processes there.
        self._config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
        }
        if threads is not None:
            self._config["INFERENCE_NUM_THREADS"] = threads
        self._compiled: dict[tuple[int, ...], Any] = {}

    def batch(self, samples: Sequence[Any], size: int, number: int = 0) -> np.ndarray:
        """A batch of `size`: samples, and zeros behind them."""
        spec = self._loaded.spec
        return filled(np.empty((size, *samples[0].shape), spec.input.dtype), samples, spec.name)

    def __call__(self, batch: Any) -> np.ndarray:
        """[N, ...] of the backbone's input -> float32 [N, D]."""
        if batch.shape not in self._compiled:
            self._compiled[batch.shape] = self._ready(batch)
        features: np.ndarray = self._compiled[batch.shape](batch)[0]
        return features.copy()

    def _ready(self, batch: np.ndarray) -> Any:
        """The compiled network for batches of this shape, kept or made."""
        key = self._key(batch)
        if (reason := read_kept(f"{key} refused")) is not None:
            raise Unconvertible(reason.decode())
        if (data := read_kept(key)) is not None:
            with suppress(RuntimeError):  # written by another build of this version
                return self._imported(data)
        try:
            data = self._made(batch)
        except Unconvertible as error:
            keep(f"{key} refused", str(error).encode())
            raise
        keep(key, data)
        return self._imported(data)

    def _key(self, batch: np.ndarray) -> str:
        processor = [
            self._core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
        ]
        versions = (self._openvino.__version__, torch.__version__, torch.backends.cpu.get_cpu_capability())
        values = self._network.digest if self._network else self._loaded.digest
        what = (
            f"{self._loaded.spec.name} {self._loaded.features} {values} {batch.shape} {batch.dtype} {_code()}"
        )
        return f"{what} {sorted(self._config.items())} {processor} {versions}"

    def _imported(self, data: bytes) -> Any:
        return self._core.import_model(data, "CPU", self._config)

    def _made(self, batch: np.ndarray) -> bytes:
        if self._network is not None:
            network = self._core.read_model(self._network.xml, self._network.bin)
            return self._compile(network)
        data = self._compile(converted(self._loaded, batch))
        with torch.inference_mode():
            expected = self._loaded.module(torch.from_numpy(batch)).numpy()
        far = np.linalg.norm(self._imported(data)(batch)[0] - expected)
        if far > TOLERANCE[self._precision] * np.linalg.norm(expected):
            raise Unconvertible(f"features differ by {far / np.linalg.norm(expected):.1%}")
        return data

    def _compile(self, network: Any) -> bytes:
        try:
            compiled = self._core.compile_model(network, "CPU", self._config)
        except RuntimeError as error:
            raise Unconvertible(_first_line(error)) from error
        data: bytes = compiled.export_model().getvalue()
        return data


@cache
def _code() -> str:
    """The digest of the backbones' code: what another state of it made, or refused, is not this one's."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def converted(loaded: LoadedBackbone, batch: np.ndarray) -> Any:
    """The backbone as a network of OpenVINO for batches of this shape. Raises `Unconvertible`."""
    example = torch.from_numpy(batch)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # tracing remarks on the constants of normalisation
            traced = torch.jit.trace(loaded.module, example, check_trace=False, strict=False)
            return openvino().convert_model(traced, example_input=example, input=[batch.shape])
    except Exception as error:  # whatever tracing someone's network, or converting it, may raise
        raise Unconvertible(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    """What is said of an error: the operation that has no counterpart, or its kind and its first line."""
    lines = [line.strip(" -\t") for line in str(error).splitlines() if line.strip()]
    named = next((line for line in lines if line.startswith("No conversion rule")), None)
    return named or f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"[:160]
