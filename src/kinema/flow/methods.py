"""The table of flow methods, by the names that recipes use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from .tvl1_options import Tvl1Options, grey

METHODS = ("tvl1", "raft_small", "raft_large", "flownet2")
# Raised when a method's fields change, so that nothing computed before is used with what comes after.
_VERSION = {"tvl1": 1, "raft_small": 1, "raft_large": 1, "flownet2": 1}

# Frames uint8 [T, H, W] or [T, H, W, 3] -> fields float32 [T - 1, 2, H, W] in pixels.
FlowMethod = Callable[[np.ndarray], np.ndarray]
# The same as streams: frames [H, W] or [H, W, 3] in, fields [2, H, W] out.
FieldStream = Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]


def flow_method(name: str, weights_dir: str | Path | None = None, **options: Any) -> FlowMethod:
    """A flow method on whole clips. `options` as in `field_stream`."""
    stream = field_stream(name, weights_dir, **options)

    def fields(frames: np.ndarray) -> np.ndarray:
        frames = np.asarray(frames)
        if frames.ndim not in (3, 4) or len(frames) == 0:
            raise UsageError(f"optical flow takes frames [T, H, W] or [T, H, W, 3], got {list(frames.shape)}")
        out = np.empty((len(frames) - 1, 2, *frames.shape[1:3]), np.float32)
        for t, field in enumerate(stream(frames)):
            out[t] = field
        return out

    return fields


def field_stream(
    name: str,
    weights_dir: str | Path | None = None,
    *,
    weights: str = "published",
    threads: int | None = None,
    device: str = "cpu",
    **parameters: Any,
) -> FieldStream:
    """A flow method as a generator of fields, in constant memory; a network is loaded once, here.

    name: one of `METHODS`. weights: `published` or `none`, for the learned ones. threads: for tvl1, pairs
    at once. parameters: for tvl1, those of `Tvl1Options`; for RAFT, `updates`. Raises `UsageError` and
    `WeightsError`.
    """
    check_method(name)
    if name == "tvl1":
        return _tvl1_stream(_options(parameters), threads, device)
    from .learned import learned_fields

    if name == "flownet2":
        from .flownet2 import load_flownet2

        network = load_flownet2(weights_dir, weights=weights, device=device, **parameters)
    else:
        from .raft import load_raft

        network = load_raft(name, weights_dir, weights=weights, device=device, **parameters)
    return lambda frames: learned_fields(network, frames, name, device=device)


def describe_method(name: str, *, weights: str = "published", **parameters: Any) -> dict[str, Any]:
    """What a fingerprint needs to know: method, its version, every parameter, its weights by file name."""
    check_method(name)
    if name == "tvl1":
        return {"method": name, "version": _VERSION[name], **_options(parameters).describe()}
    from .flownet2 import WEIGHTS as FLOWNET2
    from .raft import WEIGHTS as RAFT

    file = (FLOWNET2 if name == "flownet2" else RAFT[name]).files[0]
    chosen = "none" if weights == "none" else file
    defaults = {} if name == "flownet2" else {"updates": 12}
    return {"method": name, "version": _VERSION[name], "weights": chosen, **defaults, **parameters}


def check_method(name: str) -> None:
    """Raise `UsageError`, with a suggestion, for a name that is not in the table."""
    if name not in METHODS:
        close = get_close_matches(name, METHODS, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        raise UsageError(f"unknown flow method '{name}'; {hint}choose one of: {', '.join(METHODS)}")


def _options(parameters: dict[str, Any]) -> Tvl1Options:
    unknown = parameters.keys() - Tvl1Options().describe().keys()
    if unknown:
        allowed = ", ".join(Tvl1Options().describe())
        raise UsageError(f"TV-L1 has no parameter '{min(unknown)}'; choose among: {allowed}")
    return replace(Tvl1Options(), **parameters)


def _tvl1_stream(options: Tvl1Options, threads: int | None, device: str) -> FieldStream:
    if device != "cpu":
        from .tvl1_torch import tvl1_torch_fields

        return lambda frames: tvl1_torch_fields(map(_luma, frames), options, device=device)
    from .tvl1_numba import tvl1_fields

    return lambda frames: tvl1_fields(map(_luma, frames), options, threads=threads)


def _luma(frame: np.ndarray) -> np.ndarray:
    return frame if frame.ndim == 2 else grey(frame)
