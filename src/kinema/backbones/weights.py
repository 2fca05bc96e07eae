"""Published weights: found, fetched, checked and read. Nothing here unpickles code."""

from __future__ import annotations

import hashlib
import os
import pickle
import urllib.request
from http.client import HTTPException
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..errors import UsageError, WeightsError
from .spec import WeightFile

TIMEOUT_SECONDS = 30
_CHUNK = 1 << 20


def find_weights(
    name: str, candidates: tuple[WeightFile, ...], weights_dir: str | Path | None, download: bool = True
) -> tuple[Path, WeightFile]:
    """The file that serves backbone `name`, and which of `candidates` it is; its digest is checked.

    Looked up in `weights_dir` (else `KINEMA_WEIGHTS`), then in torch hub's cache, then fetched into
    that cache from where it is published. Raises `WeightsError` (absent, wrong digest) and
    `UsageError` (no such folder), each with the cure.
    """
    folders = _folders(weights_dir)
    for folder in folders:
        for candidate in candidates:
            for file_name in candidate.files:
                path = folder / file_name
                if path.is_file():
                    _check_digest(path, candidate.digest_of(file_name))
                    return path, candidate
    published = [c for c in candidates if c.url]
    if download and published:
        target = folders[-1] / published[0].files[0]
        fetch(published[0], target, cure=_cure(target.name, folders))
        return target, published[0]
    raise WeightsError(f"no weights for {name} here; {_cure(candidates[0].files[0], folders)}")


def fetch(weights: WeightFile, target: Path, cure: str = "") -> None:
    """Download `weights.url` to `target`, atomically and with its digest checked.

    Raises `WeightsError`; nothing is left at `target` then.
    """
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    assert weights.url is not None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(weights.url, timeout=TIMEOUT_SECONDS) as answer,
            open(partial, "wb") as out,
        ):
            while chunk := answer.read(_CHUNK):
                out.write(chunk)
            length = int(answer.headers.get("Content-Length") or out.tell())
            if out.tell() != length:
                raise OSError(f"it broke off after {out.tell()} of {length} bytes")
        expected, found = weights.digest_of(weights.files[0]), file_digest(partial)
        if expected and not found.startswith(expected):
            raise WeightsError(
                f"the download of {weights.url} is damaged: its sha256 starts with {found[:8]} where "
                f"{expected[:8]} is published; try again, or {cure}"
            )
        os.replace(partial, target)
    except (OSError, HTTPException) as error:  # URLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise WeightsError(f"cannot fetch {weights.url} ({reason}); {cure}") from None
    finally:
        partial.unlink(missing_ok=True)


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors, .pth or .pt file by name, on the processor. Raises `WeightsError`."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (
        SafetensorError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
    ) as e:
        reason = str(e).splitlines()[0][:120] if str(e) else type(e).__name__
        raise WeightsError(f"cannot read weights {path}: {reason}; delete it and fetch it again") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(
            f"{path} holds no plain dictionary of tensors; save the model's state_dict() there"
        )
    return dict(state)


def file_digest(path: Path) -> str:
    """sha256 of a file, lower-case hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folders(weights_dir: str | Path | None) -> list[Path]:
    """Where weights may lie, in order; the last is torch hub's cache, where downloads go."""
    chosen = weights_dir or os.environ.get("KINEMA_WEIGHTS")
    folders = [Path(torch.hub.get_dir()) / "checkpoints"]
    if chosen:
        if not Path(chosen).is_dir():
            raise UsageError(f"no folder of weights at {chosen}; give an existing one, or --weights none")
        folders.insert(0, Path(chosen).absolute())
    return folders


def _check_digest(path: Path, expected: str | None) -> None:
    if expected is None:
        return
    found = file_digest(path)
    if not found.startswith(expected):
        raise WeightsError(
            f"{path} is not the published file: its sha256 is {found[: len(expected)]} where {expected} is "
            f"published; delete it and fetch it again, or use --weights none"
        )


def _cure(file_name: str, folders: list[Path]) -> str:
    places = " or ".join(str(folder) for folder in folders)
    give = "" if len(folders) > 1 else " (or in a folder given as --weights DIR)"
    return f"put {file_name} into {places}{give}, or use --weights none for random weights"
