"""Recipe or run -> streams and recogniser, assembled. The only place that does it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .backbones.load import LoadedBackbone, load_backbone, state_digest
from .backbones.module import Backbone
from .backbones.runner import BackboneRunner
from .backbones.table import backbone_spec
from .errors import UsageError, WeightsError
from .features.store import FeatureStore, Shelf
from .recipe import Recipe, Stream
from .sampling.specs import Adaptive
from .streams.source import SourceConfig, View

# Steps per batch, by what a step is: large enough to fill the processor, small enough for memory.
BATCH_SIZES = {"frame": 8, "clip": 2, "flow_clip": 2, "flow_stack": 4, "logmel": 8}
# The source of backbones whose values are the run's own.
TRAINED = "trained in this run"
_INPUTS = {"rgb": ("frame", "clip"), "flow": ("flow_clip", "flow_stack"), "audio": ("logmel",)}


@dataclass(frozen=True, slots=True)
class StreamParts:
    """One stream, assembled: how clips are made, and the backbones that turn them into features."""

    name: str
    spec: Stream
    config: SourceConfig
    backbones: tuple[LoadedBackbone, ...]
    computes: dict[str, StreamCompute] = field(default_factory=dict, repr=False, compare=False)

    @property
    def dim(self) -> int:
        """Dimension of one step's features."""
        return sum(b.dim for b in self.backbones)

    @property
    def batch_size(self) -> int:
        """Steps per batch of the compute half."""
        return BATCH_SIZES[self.config.views[0].kind]

    def settings(self, variant: int = 0) -> dict[str, Any]:
        """Everything that decides the features, as plain data for the fingerprint."""
        return {
            "source": self.config.settings(variant),
            "backbones": [
                {"name": b.spec.name, "features": b.features, "weights": b.digest} for b in self.backbones
            ],
        }

    def shelf(self, store: FeatureStore, variant: int = 0) -> Shelf:
        """This stream's part of a store."""
        return store.shelf(self.name, self.settings(variant))

    def compute(self, *, device: str = "auto", threads: int | None = None) -> StreamCompute:
        """The compute half, ready to run; made once per device."""
        made = self.computes.get(device)
        if made is None:
            made = self.computes[device] = StreamCompute(self, device=device, threads=threads)
        return made


class StreamCompute:
    """Steps in, features out; the features of several backbones side by side."""

    def __init__(self, parts: StreamParts, *, device: str = "auto", threads: int | None = None):
        self.dim, self.batch_size = parts.dim, parts.batch_size
        self._runners = [
            BackboneRunner(b, batch_size=self.batch_size, device=device, threads=threads)
            for b in parts.backbones
        ]

    def __call__(self, inputs: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
        """Inputs of n steps, one array per backbone -> float32 [n, dim]."""
        columns = zip(*inputs, strict=True)
        return np.concatenate(
            [runner(list(column)) for runner, column in zip(self._runners, columns, strict=True)], axis=1
        )


def source_config(recipe: Recipe, name: str, weights_dir: str | Path | None = None) -> SourceConfig:
    """The source half of one stream. Raises `UsageError` where input and backbone do not fit."""
    stream = recipe.streams[name]
    views = tuple(_view(name, stream, backbone) for backbone in stream.backbones)
    return SourceConfig(
        input=stream.input,
        views=views,
        sampling=stream.sampling,
        method=_flow_method(recipe, stream),
        clip_px=stream.clip_px,
        stack=(stream.stack or 10) if views[0].kind == "flow_stack" else None,
        max_seconds=stream.max_seconds,
        augment=stream.augment,
        flow_weights=stream.flow_weights,
        weights_dir=None if weights_dir is None else os.path.abspath(weights_dir),
    )


def _view(name: str, stream: Stream, backbone: str) -> View:
    wanted = backbone_spec(backbone).input
    if wanted.kind not in _INPUTS[stream.input]:
        raise UsageError(
            f"streams.{name}: backbone {backbone} takes {wanted.kind} input, which `input: {stream.input}` "
            "does not give; choose another backbone or input"
        )
    sampled_clips = stream.sampling is not None and stream.sampling.kind in ("segments", "windows")
    if (wanted.kind in ("clip", "flow_clip")) != sampled_clips and stream.input != "audio":
        raise UsageError(
            f"streams.{name}: backbone {backbone} takes {wanted.kind} input, which sampling "
            f"'{stream.sampling.kind if stream.sampling else None}' does not give; "
            "segments and windows give clips, the others give frames"
        )
    front_end = backbone if wanted.kind == "logmel" else None
    return View(wanted.kind, wanted.size, stream.crop or wanted.crop, front_end)


def _flow_method(recipe: Recipe, stream: Stream) -> str | None:
    if stream.input == "flow":
        return stream.method
    if isinstance(stream.sampling, Adaptive) and stream.sampling.motion == "flow":
        methods = [s.method for s in recipe.streams.values() if s.method]
        return methods[0] if methods else "tvl1"
    return None


def assemble_streams(
    recipe: Recipe,
    *,
    weights_dir: str | Path | None = None,
    hints: Mapping[str, Sequence[Path]] | None = None,
    download: bool = True,
) -> dict[str, StreamParts]:
    """Load every stream's backbones, frozen.

    Weights are looked up as `kinema.backbones.load` says. `hints` names, per stream and backbone, files that
    a run was trained with; their folders are tried where the look-up finds nothing.
    """
    parts = {}
    for name, stream in recipe.streams.items():
        config = source_config(recipe, name, weights_dir)
        known = (hints or {}).get(name, [])
        loaded = tuple(
            _load(backbone, config, stream, known[i].parent if i < len(known) else None, download)
            for i, backbone in enumerate(stream.backbones)
        )
        parts[name] = StreamParts(name, stream, config, loaded)
    return parts


def _load(
    backbone: str, config: SourceConfig, stream: Stream, hint: Path | None, download: bool
) -> LoadedBackbone:
    options: dict[str, Any] = {"features": stream.features, "weights": stream.weights, "stack": config.stack}
    weights_dir = config.weights_dir
    if stream.weights == "none" or hint is None or not hint.is_dir():
        return load_backbone(backbone, weights_dir=weights_dir, download=download, **options)
    try:
        return load_backbone(backbone, weights_dir=weights_dir, download=False, **options)
    except WeightsError:
        return load_backbone(backbone, weights_dir=hint, download=download, **options)


def with_backbones(parts: StreamParts, modules: Sequence[Backbone]) -> StreamParts:
    """The stream with trained backbones; their digest follows, and with it the shelf of the store."""
    loaded = []
    for old, module in zip(parts.backbones, modules, strict=True):
        module.requires_grad_(False).eval()
        loaded.append(replace(old, module=module, digest=state_digest(module.state_dict()), source=TRAINED))
    return replace(parts, backbones=tuple(loaded), computes={})


def default_workers(config: SourceConfig) -> int:
    """Decoding processes: optical flow is bound by the processor, decoding alone by the backbone."""
    cores = os.cpu_count() or 2
    return cores if config.method else max(1, cores // 2)
