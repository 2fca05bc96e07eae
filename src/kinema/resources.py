"""What a job may use: where weights and features lie, and what computes. One meaning for every verb.

Checked on creation, without torch, so that a wrong call is refused at once.
"""

import ctypes
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from .errors import UsageError

Precision = Literal["auto", "fp32", "bf16", "int8"]
Runtime = Literal["auto", "torch", "openvino"]
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
_CUDA_LIBRARY = {"win32": "nvcuda.dll"}.get(sys.platform, "libcuda.so.1")


@dataclass(frozen=True, slots=True)
class Resources:
    """Where things lie and what computes; the same from Python and from every verb.

    weights: a folder to look in first, `none` for seeded random values, None for the usual places.
    features: the feature store; None for `KINEMA_FEATURES`, else the user's cache folder.
    workers: decoding processes; None chooses by processor and stream.
    device: auto, cpu, cuda, cuda:N or mps. precision and runtime: of the backbones. auto: the precision is a
    run's own where there is one, and the rest what `kinema.backbones.choice` finds best here. offline: never
    download; `KINEMA_OFFLINE=1` says the same.
    Raises `UsageError`.
    """

    weights: str | Path | None = None
    features: str | Path | None = None
    workers: int | None = None
    device: str = "auto"
    precision: Precision = "auto"
    runtime: Runtime = "auto"
    offline: bool = False

    def __post_init__(self) -> None:
        if self.folder is not None and not self.folder.is_dir():
            raise UsageError(
                f"no folder of weights at {self.folder}; give an existing one, or `none` for random values"
            )
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"workers={self.workers}: give 1 or more decoding processes")
        for name, choices in (("precision", Precision), ("runtime", Runtime)):
            value, allowed = getattr(self, name), get_args(choices)
            if value not in allowed:
                raise UsageError(f"unknown {name} '{value}'; use {', '.join(allowed[:-1])} or {allowed[-1]}")
        if not _DEVICE.fullmatch(self.device):
            raise UsageError(f"unknown device '{self.device}'; use auto, cpu, cuda, cuda:N or mps")
        if self.device.startswith("cuda") and not has_cuda():
            raise UsageError(f"device {self.device} was asked for and there is no GPU here; use --device cpu")
        if self.device == "mps" and sys.platform != "darwin":
            raise UsageError("device mps is Apple's; use --device cpu or cuda here")
        self._check_runtime()
        if offline_asked():
            object.__setattr__(self, "offline", True)

    def _check_runtime(self) -> None:
        """Refuse what is never there together. What this machine has, `kinema.backbones.choice` says."""
        if self.precision == "int8" and self.runtime == "torch":
            raise UsageError("precision int8 is OpenVINO's; leave --runtime out")
        if self.device in ("auto", "cpu"):
            return
        for what, value in (("runtime", self.runtime), ("precision", self.precision)):
            if value in ("openvino", "int8"):
                raise UsageError(
                    f"{what} {value} works on the processor, not on {self.device}; use --device cpu"
                )

    @property
    def random(self) -> bool:
        """Whether seeded random values are wanted in place of published ones."""
        return str(self.weights) == "none"

    @property
    def folder(self) -> Path | None:
        """The folder of weights to look in first, absolute, where one was given."""
        return None if self.weights is None or self.random else Path(self.weights).absolute()


def offline_asked() -> bool:
    """Whether the environment forbids every download: `KINEMA_OFFLINE`, set to anything but 0."""
    return os.environ.get("KINEMA_OFFLINE", "0") not in ("", "0")


def cores() -> int:
    """Processors that this process may use: a scheduler or a container may have bound it to a few."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """Threads that compute: as many as `OMP_NUM_THREADS` says, else one for every processor."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else cores()


def has_cuda() -> bool:
    """Whether there is a CUDA device."""
    return gpus() > 0


def gpus() -> int:
    """How many CUDA devices the driver knows that this process may use; asks the driver, not torch."""
    try:
        driver = ctypes.CDLL(_CUDA_LIBRARY)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    known = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return count.value if known else 0
