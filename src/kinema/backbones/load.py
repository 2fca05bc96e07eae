"""A backbone, ready to use: found in the table, built, filled with published or seeded random values."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import WeightsError
from .module import Backbone
from .random_init import initialise
from .spec import BackboneSpec
from .table import backbone_module, backbone_spec
from .weights import find_weights, read_state


@dataclass(frozen=True, slots=True)
class LoadedBackbone:
    """A frozen backbone in evaluation mode.

    `digest` is the sha256 of its values by name (for seeded random values: of those before calibration,
    so that it is the same on every machine); `source` says where they came from, for people.
    """

    module: Backbone
    spec: BackboneSpec
    features: str
    dim: int
    digest: str
    source: str


def load_backbone(
    name: str,
    *,
    features: str | None = None,
    weights: str = "imagenet",
    weights_dir: str | Path | None = None,
    stack: int | None = None,
    seed: int = 0,
    download: bool = True,
) -> LoadedBackbone:
    """Load backbone `name`; `weights` is one of its published sets, or `none` for seeded random values.
    `stack` is the number of fields of networks on flow stacks, whose default it replaces.

    The file is looked up in `weights_dir` (else `KINEMA_WEIGHTS`), then in torch hub's cache, then, with
    `download`, fetched from where it is published. Raises `UsageError` for unknown names and
    `WeightsError` for files that are absent, damaged or of another network.
    """
    spec, source = backbone_spec(name), f"random, seed {seed}"
    chosen = spec.features_name(features)
    if weights == "none":
        module = _build(name, chosen, None, stack)
        digest = initialise(module, replace(spec.input, length=stack or spec.input.length), seed)
    else:
        path, published = find_weights(name, spec.weight_files(weights), weights_dir, download)
        module = _build(name, chosen, published.variant, stack)
        state = _converted(name, read_state(path))
        if chosen in spec.second_files:
            second, _ = find_weights(name, (spec.second_files[chosen],), weights_dir, download)
            state |= backbone_module(name).second_state(second)
        fill(module, state, f"{name} from {path}")
        digest, source = state_digest(module.state_dict(), published.variant), str(path)
    module.requires_grad_(False).eval()
    return LoadedBackbone(module, spec, chosen, spec.features[chosen], digest, source)


def fill(module: Backbone, state: dict[str, Tensor], what: str) -> None:
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
        raise WeightsError(
            f"weights do not fit {what}: {'; '.join(wrong)}; "
            f"put the published file there, or use --weights none"
        )
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


def _build(name: str, features: str, variant: str | None, stack: int | None) -> Backbone:
    options: dict[str, Any] = {"variant": variant, "stack": stack}
    given = {key: value for key, value in options.items() if value is not None}
    module: Backbone = backbone_module(name).build(features, **given)
    return module


def _converted(name: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    convert = getattr(backbone_module(name), "convert", None)
    return convert(state) if convert else state
