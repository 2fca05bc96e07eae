"""A run at work: `load(run).predict(path)`. Never imports the trainer.

A ladder that can be entered at any rung, each built on the one before:

    run.sequences.predict(features)         feature sequences -> class scores
    run.predict(GivenFrames(frames))        decoded frames, an array, a camera -> features -> class scores
    run.predict("clip.mp4")                 a file -> frames -> features -> class scores
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..errors import UsageError
from ..extraction.engine import Done, SequenceBuffer, sequences
from ..extraction.loaded import TRAINED, LoadedStream, load_streams
from ..keys import fingerprint
from ..media.video import Video, VideoFile
from ..model.build import build_recognizer
from ..recipe import changed
from ..resources import Resources
from ..run import RunConfig, check_backbones, load_run, weight_hints
from ..types import FeatureSequence, Prediction, VideoRecord
from ..weights.read import state_digest
from .sequences import SequencePredictor
from .windows import Window, check_timeline, window_messages, windows_of


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A trained recogniser with its streams. A `video` is a path, a record (a part of a file), or any
    `kinema.media.video.Video`."""

    folder: Path
    config: RunConfig
    streams: Mapping[str, LoadedStream]
    sequences: SequencePredictor

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of the scores."""
        return self.config.labels

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides an embedding: the streams' settings and the trained values."""
        streams = {name: stream.settings() for name, stream in self.streams.items()}
        return fingerprint({"streams": streams, "recognizer": state_digest(self.sequences.model.tensors())})

    def features(self, video: str | Path | VideoRecord | Video) -> dict[str, FeatureSequence]:
        """The feature sequences of one video, as extraction stores them. Raises `MediaError`."""
        supplier = _video(video)
        return {name: stream.features(supplier) for name, stream in self.streams.items()}

    def predict(self, video: str | Path | VideoRecord | Video) -> Prediction:
        """Class scores of one video. Raises `MediaError` where it cannot be read."""
        return self.sequences.predict(self.features(video), _path(video))

    def bound(self, risk: float) -> float:
        """The least probability of a class that may be the true one, see `kinema.model.calibration`.

        Raises `UsageError` where the run has no held-out scores, or too few for so small a risk.
        """
        calibration = self.sequences.model.calibration
        if calibration is None:
            raise UsageError(
                f"run {self.folder} has no held-out scores to bound a risk by; train one with recipe lite"
            )
        return calibration.bound(risk)

    def candidates(self, prediction: Prediction, risk: float) -> tuple[str, ...]:
        """The classes that a video may be of, best first; none of them where no class is likely enough.

        The true class of a video like those of the training is left out with a probability of `risk` at most.
        Raises `UsageError` as `bound` does.
        """
        bound = self.bound(risk)
        return tuple(label for label, score in prediction.top(len(self.labels)) if score >= bound)

    def embed(self, video: str | Path | VideoRecord | Video) -> np.ndarray:
        """The video embedding, float32 [E]."""
        return self.sequences.embed(self.features(video))

    def windows(
        self, video: str | Path | VideoRecord | Video, window_seconds: float, stride_seconds: float
    ) -> Iterator[tuple[Window, dict[str, FeatureSequence]]]:
        """The features of sliding windows, in order: those that the same stretches would have as files."""
        supplier = _video(video)
        windows = windows_of(check_timeline(supplier), window_seconds, stride_seconds)
        of_streams = [
            _in_order(
                sequences(
                    window_messages(stream.spec, supplier, windows, stream.tools),
                    stream.compute,
                    lambda _, dim=stream.dim: SequenceBuffer(dim),  # type: ignore[misc]
                )
            )
            for stream in self.streams.values()
        ]
        for window, *found in zip(windows, *of_streams, strict=True):
            yield window, dict(zip(self.streams, found, strict=True))

    def timeline(
        self,
        video: str | Path | VideoRecord | Video,
        *,
        window_seconds: float = 2.0,
        stride_seconds: float = 1.0,
    ) -> list[Prediction]:
        """Class scores of sliding windows of video time, in order."""
        return [
            replace(self.sequences.predict(features, _path(video)), start_seconds=start, end_seconds=end)
            for (start, end), features in self.windows(video, window_seconds, stride_seconds)
        ]


def load(run: str | Path, resources: Resources | None = None) -> LoadedRun:
    """Load a run folder. Its precision is the run's own unless `resources` says otherwise.

    Raises `UsageError` for what is not a run, for a newer run, and for other weights than the run's own.
    """
    config, state = load_run(run)
    resources = resources or Resources()
    resources = replace(resources, precision=resources.precision or config.data.get("precision"))
    _check_weights(run, config, resources)
    trained = [n for n, found in config.backbones.items() if any(b["source"] == TRAINED for b in found)]
    # What was trained in the run lies in the run: no file of weights is needed for it.
    recipe = changed(config.recipe, {f"streams.{name}.weights": "none" for name in trained})
    streams = load_streams(recipe.streams, resources, weight_hints(config))
    for name in trained:
        for i, backbone in enumerate(streams[name].backbones):
            _fill(backbone.module, state, f"backbone-{name}-{i}", run)
        streams[name] = streams[name].with_backbones([b.module for b in streams[name].backbones])
    check_backbones(config, {name: [b.digest for b in s.backbones] for name, s in streams.items()})
    model = build_recognizer(config.recipe, {n: s.dim for n, s in streams.items()}, len(config.labels))
    try:
        model.load_tensors(_part(state, "recognizer"))
    except ValueError:
        raise _unfit(run, "recognizer") from None
    model.eval().requires_grad_(False)
    return LoadedRun(Path(run), config, streams, SequencePredictor(config.labels, model))


def _video(video: str | Path | VideoRecord | Video) -> Video:
    if isinstance(video, VideoRecord):
        return VideoFile.of(video)
    return VideoFile(Path(video).absolute()) if isinstance(video, str | Path) else video


def _path(video: str | Path | VideoRecord | Video) -> Path:
    if isinstance(video, VideoRecord):
        return video.path
    return Path(video).absolute() if isinstance(video, str | Path) else Path(video.name)


def _in_order(done: Iterable[Done[SequenceBuffer]]) -> Iterator[FeatureSequence]:
    """Windows in the order of their numbers: one without steps may end before the one ahead of it."""
    held: dict[int, FeatureSequence] = {}
    following = 0
    for one in done:
        assert one.sink is not None, "windows do not fail one by one"
        held[one.number] = one.sink.sequence()
        while following in held:
            yield held.pop(following)
            following += 1


def _check_weights(run: str | Path, config: RunConfig, resources: Resources) -> None:
    published = [b for found in config.backbones.values() for b in found if Path(b["source"]).is_absolute()]
    if resources.random and published:
        raise UsageError(
            f"run {run} was trained with published weights ({published[0]['name']}); "
            "leave --weights none out, or give the folder where they are"
        )


def _fill(module: nn.Module, state: Mapping[str, torch.Tensor], prefix: str, run: str | Path) -> None:
    try:
        module.load_state_dict(_part(state, prefix))
    except RuntimeError:
        raise _unfit(run, prefix) from None


def _part(state: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(f"{prefix}."): v for k, v in state.items() if k.startswith(f"{prefix}.")}


def _unfit(run: str | Path, part: str) -> UsageError:
    return UsageError(f"{run}/model.safetensors does not fit the run's config.yaml ({part}); train it again")
