"""The torch device that a name stands for."""

import torch

from ..errors import UsageError


def torch_device(name: str) -> torch.device:
    """auto (a CUDA GPU where torch has one, else the processor), cpu, cuda, cuda:N or mps.

    Raises `UsageError` for any other name and for what torch does not have here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device '{name}'; use auto, cpu, cuda, cuda:N or mps") from None
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= there.get(device.type, 0):
        raise UsageError(f"device {name} was asked for and there is no such GPU here; use --device cpu")
    return device
