"""A run at work: `load(run).predict(path)`, see `load.py`. Never imports the trainer.

A ladder that can be entered at any rung, each built on the one before:

    run.sequences.predict(features)         feature sequences -> class scores
    run.predict(GivenFrames(frames))        decoded frames, an array, a camera -> features -> class scores
    run.predict("clip.mp4")                 a file -> frames -> features -> class scores
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
import torch

from ..errors import MediaError, UsageError, WorkError
from ..evaluation.score import score_batch
from ..extraction.engine import Done, SequenceBuffer, sequences
from ..extraction.loaded import LoadedStream
from ..keys import fingerprint
from ..model.batch import SequenceBatch, pad
from ..model.recognizer import Recognizer
from ..run import RunConfig
from ..types import FeatureSequence, Prediction, Segment
from ..weights.read import state_digest
from .source import Source, path_of, video_of
from .windows import Window, window_messages, windows_of


@dataclass(frozen=True, slots=True)
class SequencePredictor:
    """A trained recogniser with the names of its classes, in the order of the scores. Needs no backbone."""

    labels: tuple[str, ...]
    model: Recognizer

    def predict(self, features: Mapping[str, FeatureSequence], path: Path = Path()) -> Prediction:
        """Class scores from the feature sequence of every stream; `path` is where they come from."""
        return Prediction(path, self.labels, score_batch(self.model, _batch(features))[0])

    def tags(self, features: Mapping[str, FeatureSequence]) -> list[tuple[float, str]]:
        """The time in seconds and the best class of every step, for a recipe that scores each.

        Raises `UsageError` for one that scores whole videos.
        """
        recipe = self.model.recipe
        if not recipe.classifier.per_step:
            raise UsageError(
                f"recipe {recipe.name} scores whole videos, not frames; use a run of corehar, or --timeline"
            )
        with torch.inference_mode():
            best = self.model(_batch(features)).logits[0].argmax(1).tolist()
        (sequence,) = features.values()
        return [(float(s), self.labels[label]) for s, label in zip(sequence.pts_seconds, best, strict=True)]

    def embed(self, features: Mapping[str, FeatureSequence]) -> np.ndarray:
        """The embedding float32 [E] of feature sequences."""
        return self.embed_batch(_batch(features))[0]

    def embed_batch(self, batch: Mapping[str, SequenceBatch]) -> np.ndarray:
        """Embeddings float32 [B, E] of a batch of feature sequences. Raises `WorkError` for NaN."""
        with torch.inference_mode():
            found = self.model.embed(batch).float().cpu().numpy()
        if not np.isfinite(found).all():
            raise WorkError("embeddings are not finite; train the run again")
        return found


def _batch(features: Mapping[str, FeatureSequence]) -> dict[str, SequenceBatch]:
    return {name: pad([sequence]) for name, sequence in features.items()}


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A trained recogniser with its streams."""

    folder: Path
    config: RunConfig
    streams: Mapping[str, LoadedStream]
    sequences: SequencePredictor

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of the scores."""
        return self.config.labels

    @property
    def whole_files(self) -> bool:
        """Whether it was trained on whole files where the layout can cut them (KTH's)."""
        return str(self.config.data.get("layout", "")).endswith("_files")

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides an embedding: the streams' settings and the trained values."""
        streams = {name: stream.settings() for name, stream in self.streams.items()}
        return fingerprint({"streams": streams, "recognizer": state_digest(self.sequences.model.tensors())})

    def features(self, video: Source) -> dict[str, FeatureSequence]:
        """The feature sequences of one video, as extraction stores them. Raises `MediaError`."""
        supplier = video_of(video)
        return {name: stream.features(supplier) for name, stream in self.streams.items()}

    def __repr__(self) -> str:
        labels = ", ".join(self.labels[:5]) + (", ..." if len(self.labels) > 5 else "")
        streams = ", ".join(
            f"{name} ({', '.join(stream.spec.backbones)})" for name, stream in self.streams.items()
        )
        recipe, count = self.config.recipe.name, len(self.labels)
        return f"<LoadedRun {self.folder}: recipe {recipe}, {count} classes ({labels}), streams {streams}>"

    @overload
    def predict(self, video: Source) -> Prediction: ...  # type: ignore[overload-overlap]  # str is both

    @overload
    def predict(self, video: Sequence[Source]) -> list[Prediction]: ...

    def predict(self, video: Source | Sequence[Source]) -> Prediction | list[Prediction]:
        """Class scores of one video, or of each of a list. Raises `MediaError` where one cannot be read."""
        if isinstance(video, Sequence) and not isinstance(video, str):
            return [self.predict(one) for one in video]
        return self.sequences.predict(self.features(video), path_of(video))

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

    def embed(self, video: Source) -> np.ndarray:
        """The video embedding, float32 [E]."""
        return self.sequences.embed(self.features(video))

    def windows(
        self,
        video: Source,
        window_seconds: float,
        stride_seconds: float,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Iterator[tuple[Window, dict[str, FeatureSequence]]]:
        """The features of sliding windows, in order: those that the same stretches would have as files.

        progress: called with the number of windows done, and of all.
        """
        supplier = video_of(video)
        times = supplier.times()
        if times is None:
            raise MediaError(f"{supplier.name}: windows need a file, or frames that can be read twice")
        windows = windows_of(times, window_seconds, stride_seconds)
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
        for number, (window, *found) in enumerate(zip(windows, *of_streams, strict=True), start=1):
            yield window, dict(zip(self.streams, found, strict=True))
            progress(number, len(windows))

    def segments(self, video: Source) -> list[Segment]:
        """What happens when, by a run of `--task timeline`: segments in order, which may overlap.

        Raises `MediaError` where the video cannot be read, `UsageError` for a run that scores whole videos.
        """
        from .timeline import found_segments

        return [one.segment for one in found_segments(self, video)]

    def timeline(
        self,
        video: Source,
        *,
        window_seconds: float = 2.0,
        stride_seconds: float = 1.0,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Prediction]:
        """Class scores of sliding windows of video time, in order; `kinema.segments` merges them.

        progress: called with the number of windows done, and of all.
        """
        return [
            replace(self.sequences.predict(features, path_of(video)), start_seconds=start, end_seconds=end)
            for (start, end), features in self.windows(video, window_seconds, stride_seconds, progress)
        ]


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
