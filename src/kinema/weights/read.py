"""The values in a file of weights: read, checked and copied into a module. Nothing here unpickles code."""

import hashlib
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import WeightsError

DAMAGED = (
    SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError
)  # fmt: skip


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors, .pth or .pt file by name, on the processor. Raises `WeightsError`."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGED as e:
        reason = str(e).splitlines()[0][:120] if str(e) else type(e).__name__
        raise WeightsError(f"cannot read weights {path}: {reason}; delete it and fetch it again") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(
            f"{path} holds no plain dictionary of tensors; save the model's state_dict() there"
        )
    return dict(state)


def fill(module: nn.Module, state: dict[str, Tensor], what: str) -> None:
    """Copy `state` into `module`, every name and shape checked. Raises `WeightsError` with what is wrong."""
    own = module.state_dict()
    needed = {key for key in own if not key.endswith("num_batches_tracked")}
    missing = sorted(needed - state.keys())
    unexpected = sorted(state.keys() - own.keys())
    misshapen = sorted(k for k in needed & state.keys() if own[k].shape != state[k].shape)
    wrong = [
        f"{len(keys)} {kind} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for kind, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        if keys
    ]
    if wrong:
        raise WeightsError(f"weights do not fit {what}: {'; '.join(wrong)}; put the published file there")
    module.load_state_dict(state, strict=False)


def state_digest(state: dict[str, Tensor], variant: str | None = None) -> str:
    """sha256 of the variant, and of names, shapes and values in the order of names.

    The counters of batch norm do not count.
    """
    digest = hashlib.sha256((variant or "").encode())
    for key in sorted(state):
        if not key.endswith("num_batches_tracked"):
            value = state[key].detach().cpu().contiguous()
            digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
