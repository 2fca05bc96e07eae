"""The table of flow methods, by the names that recipes use. Imports neither torch nor numba.

Another package's method is a module behind an entry point of the group `kinema.flow`, with VERSION, BATCH
(the pairs of frames at once) and build(device, threads), which gives a `kinema.flow.pairs.Compute`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError, nearest
from ..plugins import load_plugin, plugin_names
from ..resources import has_cuda
from ..weights.files import WeightFile, torchvision_file
from .pairs import BatchedPairs, Pairs
from .tvl1_options import Tvl1Options

_RAFT = "BSD-3-Clause; trained on FlyingChairs, FlyingThings3D and others"


@dataclass(frozen=True, slots=True)
class Network:
    """A learned method: its published file, its family (see `learned`), its parameters and their defaults."""

    weights: WeightFile
    family: str
    parameters: Mapping[str, int] = field(default_factory=dict)


NETWORKS = {
    "raft_small": Network(
        torchvision_file("raft_small_C_T_V2-01064c6d.pth", licence=_RAFT), "raft", {"updates": 12}
    ),
    "raft_large": Network(
        torchvision_file(
            "raft_large_C_T_SKHT_V2-ff5fadd5.pth", "raft_large_C_T_V2-1bb1363a.pth", licence=_RAFT
        ),
        "raft",
        {"updates": 12},
    ),
    "flownet2": Network(
        WeightFile(
            files=("flownet2-things-d63b53a7.ckpt",),
            url="https://github.com/hmorimitsu/ptlflow/releases/download/weights1/flownet2-things-d63b53a7.ckpt",
            licence="research only; trained on FlyingChairs and FlyingThings3D by the authors of FlowNet 2.0",
        ),
        "flownet2",
    ),
}

OWN = ("tvl1", *NETWORKS)
METHODS = (*OWN, *plugin_names("flow"))
# Bump when a method's fields change, so that nothing computed before is used with what comes after.
_VERSION = {"tvl1": 1, "raft_small": 1, "raft_large": 1, "flownet2": 1}


@dataclass(frozen=True, slots=True)
class FlowMethod:
    """A method, loaded once, for any number of videos. `pairs()` is the fresh state of one video."""

    name: str
    pairs: Callable[[], Pairs]

    def fields(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Fields float32 [2, H, W] between consecutive frames, uint8 [H, W] or [H, W, 3], in order.

        One frame gives none. Constant memory. Raises as `Pairs.push` does.
        """
        return self.pairs().fields(frames)


def load_method(
    name: str,
    *,
    weights: str = "published",
    folder: Path | None = None,
    download: bool = True,
    device: str = "cpu",
    threads: int = 1,
    **parameters: Any,
) -> FlowMethod:
    """One of `METHODS`, ready; a network is loaded here, once.

    weights: `published` or `none` (seeded random values), for the learned ones, whose file is looked up by
    `folder` and `download` as in `find_weights`. device: auto, cpu, cuda, cuda:N or mps. threads: for tvl1 on
    the processor, pairs at once; more than one lags behind by as many pairs. parameters: for tvl1 those of
    `Tvl1Options`, for the networks `seed` and those of `NETWORKS`. Raises `UsageError` and `WeightsError`.
    """
    _check(name, parameters)
    device = _automatic() if device == "auto" else device
    if name not in OWN:
        method = load_plugin("flow", name)
        return FlowMethod(name, partial(BatchedPairs, name, method.build(device, threads), method.BATCH))
    if name == "tvl1":
        return FlowMethod(name, _tvl1(Tvl1Options(**parameters), device, threads))
    from .learned import BATCH, load_network

    compute = load_network(
        name, weights=weights, folder=folder, download=download, device=device, **parameters
    )
    return FlowMethod(name, partial(BatchedPairs, name, compute, BATCH))


def describe_method(name: str, *, weights: str = "published", **parameters: Any) -> dict[str, Any]:
    """What a fingerprint needs to know: method, its version, every parameter, its weights by file name."""
    _check(name, parameters)
    if name not in OWN:
        return {"method": name, "version": load_plugin("flow", name).VERSION}
    described = {"method": name, "version": _VERSION[name]}
    if name == "tvl1":
        return {**described, **asdict(Tvl1Options(**parameters))}
    network = NETWORKS[name]
    chosen = "none" if weights == "none" else network.weights.files[0]
    return {**described, "weights": chosen, **network.parameters, **parameters}


def _check(name: str, parameters: dict[str, Any]) -> None:
    if name not in METHODS:
        near = nearest(name, METHODS)
        raise UsageError(f"unknown flow method '{name}'; {near}choose one of: {', '.join(METHODS)}")
    if name not in OWN:
        allowed: dict[str, Any] = {}
    else:
        allowed = asdict(Tvl1Options()) if name == "tvl1" else {**NETWORKS[name].parameters, "seed": 0}
    if unknown := parameters.keys() - allowed.keys():
        title = "TV-L1" if name == "tvl1" else name
        raise UsageError(f"{title} has no parameter '{min(unknown)}'; choose among: {', '.join(allowed)}")


def _automatic() -> str:
    """Asks the driver before torch, which takes seconds to import."""
    if not has_cuda():
        return "cpu"
    from ..backbones.device import torch_device

    return str(torch_device("auto"))


def _tvl1(options: Tvl1Options, device: str, threads: int) -> Callable[[], Pairs]:
    if device == "cpu":
        from .tvl1_numba import Tvl1Pairs

        # The threads stay from video to video, and with them the memory that each works in.
        pool = ThreadPoolExecutor(threads, thread_name_prefix="tvl1") if threads > 1 else None
        return partial(Tvl1Pairs, options, pool, threads)
    from ..backbones.device import torch_device
    from .tvl1_torch import BATCH, GPU_BATCH, tvl1_torch

    place = torch_device(device)
    compute = partial(tvl1_torch, options=options, device=place)
    return partial(BatchedPairs, "tvl1", compute, GPU_BATCH if place.type == "cuda" else BATCH)
