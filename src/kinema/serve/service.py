"""A run that answers questions about files of strangers: bounded processes decode, one thread computes.

Every method blocks and belongs into a thread of the request's own; all may be called at the same time.
Each raises `MediaError`, or one of its kinds `TooLarge` and `Overdue`, for a file that cannot be answered.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..anomaly.detector import Detector, Verdict
from ..errors import KinemaError
from ..extraction.messages import Finished, Message
from ..inference.predictor import LoadedRun
from ..inference.search import Hit, search
from ..inference.suggest import Suggested, suggested, suggested_by_windows
from ..inference.timeline import curve, is_timeline
from ..inference.windows import Window
from ..media.video import GivenFrames
from ..model.timeline import TimelineRecognizer
from ..report.data import FilmStrip
from ..types import Clip, FeatureSequence, Prediction, Segment
from .compute import ComputeThread, Key
from .decoders import Decoders, Lease
from .limits import Limits
from .messages import Along, Drawn, Ended, Found, Of, Opening, Picture, Preview, Strip, Whole
from .scratch import Scratch

Features = Mapping[str, FeatureSequence]
Keep = Callable[[Path, Callable[[], Features]], Features]
WINDOW_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Shelf:
    """Beside the run: a detector, a file of embeddings, and a folder whose files may be named."""

    detector: Detector | None = None
    embeddings: Path | None = None
    root: Path | None = None


@dataclass(frozen=True, slots=True)
class Happenings:
    """The whole video's answer, its scores along the video, and the segments, which may overlap."""

    answer: Prediction
    along: list[Prediction]
    segments: list[Segment]


class Service:
    """A loaded run at the service of many; as a context manager it ends its thread and processes."""

    def __init__(self, run: LoadedRun, scratch: Scratch, *, limits: Limits, shelf: Shelf, workers: int):
        self.run, self.limits, self.shelf, self.workers = run, limits, shelf, workers
        self.fingerprint = run.fingerprint
        self.replaced = 0
        resources = next(iter(run.streams.values())).resources
        streams = {name: stream.spec for name, stream in run.streams.items()}
        opening = Opening(streams, resources, limits, scratch.folder)
        self.decoders = Decoders(opening, on_replaced=self._count_replaced)
        self.compute = ComputeThread({name: s.compute for name, s in run.streams.items()})

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def warm(self) -> None:
        """Start the processes, and compute once: the first call builds what later ones use.

        Raises `WorkError` where no process can be started.
        """
        self.decoders.warm(self.workers)
        blank = [(i / 25, np.zeros((64, 64, 3), np.uint8)) for i in range(64)]
        with suppress(KinemaError):  # a recipe that makes nothing of blank frames
            self.compute.call(lambda: self.run.predict(GivenFrames(blank)))

    def close(self) -> None:
        """End the processes that wait, and the thread."""
        self.decoders.close()
        self.compute.close()

    def predict(self, file: Path, lease: Lease) -> Prediction:
        """Class scores of a file."""
        features = self.features(file, lease)
        return self.compute.call(lambda: self.run.sequences.predict(features, file))

    def embed(self, file: Path, lease: Lease) -> np.ndarray:
        """The embedding float32 [E] of a file."""
        features = self.features(file, lease)
        return self.compute.call(lambda: self.run.sequences.embed(features))

    def search(self, file: Path, top: int, lease: Lease) -> list[Hit]:
        """The embeddings on the shelf most like a file."""
        assert self.shelf.embeddings is not None
        vector = self.embed(file, lease)
        return search(self.shelf.embeddings, vector, top=top, fingerprint=self.fingerprint)

    def anomaly(self, file: Path, lease: Lease) -> Verdict:
        """The verdict of the detector on the shelf."""
        return self._verdict(self.features(file, lease))

    def anomalies(
        self, file: Path, window: float | None, stride: float | None, lease: Lease
    ) -> Iterator[tuple[float, float, Verdict]]:
        """(start, end, verdict) along a file, see `LoadedDetector.timeline`."""
        assert self.shelf.detector is not None
        seconds = window or self.shelf.detector.seconds
        found = self._windows(file, seconds, stride or seconds / 2, lease)
        next(found)
        for (start, end), features in found:  # type: ignore[misc]
            yield start, end, self._verdict(features)

    def timeline(self, file: Path, window: float, stride: float, lease: Lease) -> Iterator[int | Prediction]:
        """The number of windows, then the scores of each, in order and as soon as they are known."""
        for found in self._windows(file, window, stride, lease):
            if isinstance(found, int):
                yield found
                continue
            (start, end), features = found
            scores = self.compute.call(lambda features=features: self.run.sequences.predict(features, file))  # type: ignore[misc]
            yield replace(scores, start_seconds=start, end_seconds=end)

    def happenings(self, file: Path, lease: Lease) -> "Happenings":
        """What happens when in a file, by a run that was taught segments."""
        features = self.features(file, lease)
        return self.compute.call(lambda: self._happenings(features, file))

    def _happenings(self, features: Features, file: Path) -> "Happenings":
        model, labels = self.run.sequences.model, self.run.labels
        assert isinstance(model, TimelineRecognizer)
        steps = features[model.stream]
        scores = model.step_scores(steps)
        found = model.segments(scores, steps.pts_seconds, labels)
        return Happenings(
            self.run.sequences.predict(features, file),
            curve(file, scores, steps.pts_seconds, labels),
            [one.segment for one in found],
        )

    def suggest(self, name: str, file: Path, lease: Lease, keep: Keep) -> Suggested:
        """What the run would label in a file that is called `name`.

        `keep` gives the features of a file, kept or computed, for a run that was taught segments.
        """
        sequences = self.run.sequences
        if is_timeline(self.run):
            (steps,) = keep(file, lambda: self.features(file, lease)).values()
            return self.compute.call(lambda: suggested(sequences, name, steps))

        def windows() -> Iterator[tuple[Prediction, np.ndarray]]:
            for found in self._windows(file, WINDOW_SECONDS, WINDOW_SECONDS / 2, lease):
                if isinstance(found, int):
                    continue
                (start, end), features = found
                scores, vector = self.compute.call(
                    lambda features=features: (sequences.predict(features, file), sequences.embed(features))  # type: ignore[misc]
                )
                yield replace(scores, start_seconds=start, end_seconds=end), vector

        return suggested_by_windows(name, windows())

    def strip(self, file: Path, times: Iterable[float], lease: Lease) -> FilmStrip:
        """The frames nearest to `times`, seconds in ascending order."""
        with self.decoders.process(lease) as ask:
            (drawn,) = (m for m in ask(Strip(file, tuple(times))) if isinstance(m, Drawn))
        return drawn.strip

    @contextmanager
    def pictures(self, lease: Lease) -> Generator[Callable[[bytes], np.ndarray], None, None]:
        """A function that makes a JPEG uint8 [H, W, 3] RGB, in a process of its own."""
        with self.decoders.process(lease) as ask:

            def decoded(data: bytes) -> np.ndarray:
                (clip,) = (m for m in ask(Picture(data)) if isinstance(m, Clip))
                return clip.inputs[0]

            yield decoded

    def preview(self, file: Path, out: Path, lease: Lease) -> None:
        """Write `file` as an MP4 that browsers play."""
        with self.decoders.process(lease) as ask:
            for _ in ask(Preview(file, out)):
                pass

    def _verdict(self, features: Features) -> Verdict:
        detector = self.shelf.detector
        assert detector is not None

        def judge() -> Verdict:
            return detector.verdict(torch.from_numpy(self.run.sequences.embed(features)))

        return self.compute.call(judge)

    def features(self, file: Path, lease: Lease) -> Features:
        """The feature sequences of a file, as extraction stores them."""
        with self.decoders.process(lease) as ask:
            messages = _keyed(ask(Whole(file)))
            found = {name: sequence for (name, _), sequence in self.compute.sequences(messages)}
        return {name: found[name] for name in self.run.streams}

    def _windows(
        self, file: Path, window: float, stride: float, lease: Lease
    ) -> Iterator[int | tuple[Window, Features]]:
        """The number of windows, then each with its features, in order."""
        with self.decoders.process(lease) as ask:
            messages = ask(Along(file, window, stride))
            windows = next(m for m in messages if isinstance(m, Found)).windows
            yield len(windows)
            held: dict[int, dict[str, FeatureSequence]] = {}
            following = 0
            with closing(self.compute.sequences(_keyed(messages))) as sequences:  # type: ignore[type-var]
                for (name, number), sequence in sequences:
                    held.setdefault(number, {})[name] = sequence
                    while len(held.get(following, ())) == len(self.run.streams):
                        found = held.pop(following)
                        yield windows[following], {name: found[name] for name in self.run.streams}
                        following += 1

    def _count_replaced(self) -> None:
        self.replaced += 1


def _keyed(messages: Iterable[Any]) -> Iterator[tuple[Key, Message]]:
    """Clips and ends with the stream and the number that they are of."""
    key: Key = "", 0
    for message in messages:
        match message:
            case Of(stream, number):
                key = stream, number
            case Clip():
                yield key, message
            case Ended():
                yield key, Finished()
