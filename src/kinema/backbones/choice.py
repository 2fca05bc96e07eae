"""Which device, precision and runtime compute features here, and why: decided in this one place."""

import platform
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from ..errors import UsageError
from ..resources import Precision, Resources, Runtime

NAMES = {"openvino": "OpenVINO", "torch": "torch"}
INSTALL = "pip install openvino"


@dataclass(frozen=True, slots=True)
class Choice:
    """`precision` and `runtime` are never auto. A runtime that was not `asked` for by name gives way to torch
    where it cannot take a network."""

    device: str
    precision: Precision
    runtime: Runtime
    asked: bool
    why: str

    @property
    def shown(self) -> str:
        """What computes, in words."""
        return f"{self.precision} by {NAMES[self.runtime]} on {self.device}"


def choose(resources: Resources) -> Choice:
    """What `resources` come to on this machine.

    auto is OpenVINO in fp32 on a processor, where it is installed, else torch in fp32; on a GPU torch in bf16
    where the GPU has it. int8 is OpenVINO's, on the processor. Raises `UsageError` for what is not there:
    a device, a runtime, or a precision that this device would only imitate, slower than fp32.
    """
    device = _device(resources)
    precision = resources.precision
    if device != "cpu":
        precision, why = _on_gpu(device, precision)
        return Choice(device, precision, "torch", resources.runtime == "torch", why)
    if precision == "bf16" and not processor_has_bf16():
        raise UsageError("this processor has no bf16 and would be slower with it; use --precision fp32")
    if (resources.runtime == "openvino" or precision == "int8") and not has_openvino():
        raise UsageError(f"OpenVINO is not installed; {INSTALL}")
    precision = "fp32" if precision == "auto" else precision
    if resources.runtime != "auto":
        return Choice("cpu", precision, resources.runtime, True, "asked for")
    if has_openvino():
        return Choice("cpu", precision, "openvino", False, "the fastest on processors")
    return Choice("cpu", precision, "torch", False, f"OpenVINO is faster, and not installed; {INSTALL}")


def _device(resources: Resources) -> str:
    import torch

    from .device import torch_device

    if resources.device != "auto":
        return str(torch_device(resources.device))
    for_processor = resources.runtime == "openvino" or resources.precision == "int8"
    return "cuda" if not for_processor and torch.cuda.is_available() else "cpu"


def _on_gpu(device: str, precision: Precision) -> tuple[Precision, str]:
    there = gpu_has_bf16(device)
    if precision == "bf16" and not there:
        raise UsageError(f"device {device} has no bf16; use --precision fp32")
    if precision != "auto":
        return precision, "asked for"
    if there:
        return "bf16", "this GPU has bf16"
    return "fp32", "this GPU has no bf16"


def has_openvino() -> bool:
    """Whether OpenVINO is installed."""
    return find_spec("openvino") is not None


@cache
def processor_has_bf16() -> bool:
    """Whether the processor multiplies in bf16, rather than imitating it."""
    import torch

    if platform.machine().lower() in ("x86_64", "amd64"):
        return bool(torch.cpu._is_avx512_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def gpu_has_bf16(device: str) -> bool:
    """Whether a CUDA GPU multiplies in bf16. Apple's are not asked: they keep fp32."""
    import torch

    if not device.startswith("cuda"):
        return False
    with torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)
