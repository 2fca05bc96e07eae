"""A stream with its backbones: the half that turns clips into features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..backbones.calibrated import CalibratedNetwork
from ..backbones.choice import Choice, choose
from ..backbones.load import LoadedBackbone, load_backbone
from ..backbones.module import Backbone
from ..backbones.runner import BackboneRunner
from ..errors import UsageError, WeightsError
from ..features.store import FeatureStore, Shelf
from ..media.video import Video
from ..resources import Resources, cores, threads
from ..streams import FlowStream, StreamSettings, Task, Tools
from ..types import FeatureSequence
from ..weights.read import state_digest
from .engine import SequenceBuffer, sequences
from .inline import messages_of
from .on_device import DeviceMemory
from .slots import Mover

# Steps per batch, by what a step is: large enough to fill the processor, small enough for memory.
BATCH_SIZES = {"frame": 8, "clip": 2, "frame_flow": 8, "flow_clip": 2, "flow_stack": 4, "logmel": 8}
# On a GPU, as far as its free memory takes them: launching a small network costs more than to compute it.
GPU_BATCH_SIZES = {
    "frame": 256, "clip": 16, "frame_flow": 128, "flow_clip": 16, "flow_stack": 64, "logmel": 128,
}  # fmt: skip
GPU_FLOW_WORKERS = 4
# The source of backbones whose values are the run's own.
TRAINED = "trained in this run"
# What helps where a recipe's weights are absent; a run needs its own.
NO_WEIGHTS = "train with --weights none (random values) or --recipe tiny"


@dataclass(frozen=True)
class LoadedStream:
    """A stream's settings, its loaded backbones, and what computes them.

    `choice` is what `resources` come to here. `calibrated` holds a network for each backbone, for int8.
    """

    name: str
    spec: StreamSettings
    backbones: tuple[LoadedBackbone, ...]
    resources: Resources
    tools: Tools
    choice: Choice
    calibrated: tuple[CalibratedNetwork, ...] = ()

    @property
    def dim(self) -> int:
        """Dimension of one step's features."""
        return sum(b.dim for b in self.backbones)

    def settings(self, variant: int = 0) -> dict[str, Any]:
        """Everything that decides the features beyond rounding, as plain data for the fingerprint.

        So the precision counts, and for int8 the calibrated networks, but not the runtime.
        """
        precision = self.choice.precision
        return self.spec.settings(variant) | {
            "backbones": [
                {"name": b.spec.name, "features": b.features, "weights": b.digest} for b in self.backbones
            ],
            **({} if precision == "fp32" else {"precision": precision}),
            **({"calibrated": [n.digest for n in self.calibrated]} if self.calibrated else {}),
        }

    def shelf(self, store: FeatureStore, variant: int = 0) -> Shelf:
        """This stream's part of a store."""
        return store.shelf(self.name, self.settings(variant))

    @cached_property
    def compute(self) -> "Compute":
        """The backbones at work; made when first asked for."""
        return Compute(self)

    @property
    def computed(self) -> tuple[list[str], int]:
        """The runtimes that computed features, or would, and the number of steps computed again in fp32."""
        made: Compute | None = self.__dict__.get("compute")
        return (made.runtimes, made.again) if made else ([self.choice.runtime], 0)

    @property
    def workers(self) -> int:
        """Decoding processes on this machine."""
        return self.workers_of(cores())

    def workers_of(self, processors: int) -> int:
        """Decoding processes: half the processors where they compute the backbones too, and no flow.

        Few share a GPU for flow: it takes turns between processes, and two keep it busy.
        """
        flow, gpu = bool(self.spec.flow_methods), self.choice.device.startswith("cuda")
        most = GPU_FLOW_WORKERS if flow else processors
        if not gpu:
            most = processors if flow else max(1, processors // 2)
        return self.resources.workers or min(most, processors)

    def features(self, video: Video) -> FeatureSequence:
        """The feature sequence of one video, computed in this process. Raises `MediaError`."""
        messages = ((0, m) for m in messages_of(self.spec, video, Task(), self.tools))
        (done,) = sequences(messages, self.compute, lambda _: SequenceBuffer(self.dim))
        assert done.sink is not None, "a video that fails raises"
        return done.sink.sequence()

    def with_backbones(self, modules: Sequence[Backbone]) -> Self:
        """The stream with trained backbones; their digest follows, and with it the shelf of the store."""
        loaded = []
        for old, module in zip(self.backbones, modules, strict=True):
            module.requires_grad_(False).eval()
            digest = state_digest(module.state_dict())
            loaded.append(replace(old, module=module, digest=digest, source=TRAINED))
        return replace(self, backbones=tuple(loaded), calibrated=())


class Compute:
    """Steps in, features out; the features of several backbones side by side.

    batch_size: steps computed at once; None for the size that extraction has, in which features are the same
    bytes whoever computes them. Other sizes differ by rounding.
    """

    def __init__(self, stream: LoadedStream, batch_size: int | None = None):
        self.dim = stream.dim
        choice = stream.choice
        if choice.precision == "int8" and not stream.calibrated:
            raise UsageError(
                "int8 needs networks that were calibrated on videos, and the run has none; "
                "train with --precision int8, or leave --precision out"
            )
        gpu = choice.device.startswith("cuda")
        self.resizes = gpu
        sizes = GPU_BATCH_SIZES if gpu else BATCH_SIZES
        self.batch_size = batch_size or sizes[stream.spec.views[0].kind]
        # A GPU computes one batch while others are put together.
        self.at_once = 3 if gpu else 1
        self.mover: Mover | None = DeviceMemory(choice.device) if gpu else None
        self._runners = [
            BackboneRunner(
                backbone,
                batch_size=self.batch_size,
                device=choice.device,
                precision=choice.precision,
                runtime=choice.runtime if choice.asked else "auto",
                threads=threads(),
                network=stream.calibrated[i] if stream.calibrated else None,
                resizes=self.resizes,
            )
            for i, backbone in enumerate(stream.backbones)
        ]

    @property
    def runtimes(self) -> list[str]:
        """What computes: a network that OpenVINO cannot take is torch's."""
        return [runner.runtime for runner in self._runners]

    @property
    def again(self) -> int:
        """Steps that were computed again in fp32."""
        return sum(runner.again for runner in self._runners)

    def __call__(self, inputs: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
        """Inputs of n steps, one array per backbone -> float32 [n, dim]."""
        columns = zip(*inputs, strict=True)
        parts = [runner(list(column)) for runner, column in zip(self._runners, columns, strict=True)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def load_streams(
    streams: Mapping[str, StreamSettings],
    resources: Resources,
    hints: Mapping[str, Sequence[Path]] | None = None,
    advice: str = "",
) -> dict[str, LoadedStream]:
    """Load every stream's backbones, frozen, and its learned flow.

    Weights are looked up as `kinema.weights.find` says. `hints` names, per stream and backbone, files that a
    run was trained with; their folders are tried where the look-up finds nothing. Raises `WeightsError`,
    which ends in `advice`.
    """
    choice = choose(resources)  # here, where torch knows
    resources = replace(resources, device=choice.device)
    tools = Tools(resources, threads=threads())
    loaded = {}
    for name, spec in streams.items():
        known = (hints or {}).get(name, [])
        backbones = tuple(
            _load(backbone, spec, resources, known[i].parent if i < len(known) else None, advice)
            for i, backbone in enumerate(spec.backbones)
        )
        for method, weights in spec.flow_methods:
            if method != "tvl1":  # absent weights are no video's fault: they are told before the work
                tools.flow(method, weights)
        loaded[name] = LoadedStream(name, spec, backbones, resources, tools, choice)
    return loaded


def _load(
    name: str, spec: StreamSettings, resources: Resources, hint: Path | None, advice: str
) -> LoadedBackbone:
    load = partial(
        load_backbone,
        name,
        features=spec.features,
        weights=spec.weights,
        advice=advice,
        stack=spec.stack_length if isinstance(spec, FlowStream) else None,
    )
    download = not resources.offline
    if spec.weights == "none" or hint is None or not hint.is_dir():
        return load(folder=resources.folder, download=download)
    try:
        return load(folder=resources.folder, download=False)
    except WeightsError:
        return load(folder=hint, download=download)
