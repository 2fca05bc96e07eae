"""The extraction engine: messages of many videos in, their feature sequences out.

Batches are filled across videos and always padded to one size, so that a video's features depend on the
video and the settings alone: not on its neighbours, not on who supplies its clips, and not on where an
earlier run was interrupted.
"""

from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from ..errors import WorkError
from ..types import Clip, FeatureSequence
from .messages import Finished, Message


class Compute(Protocol):
    """The backbone half: up to `batch_size` steps in, one feature vector each out."""

    dim: int
    batch_size: int

    def __call__(self, inputs: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
        """Inputs of n steps, one array per backbone -> float32 [n, dim]; raises `WorkError` for NaN."""


class Sink(Protocol):
    """Takes the steps of one video: a file of the store (`SequenceWriter`), or memory (`SequenceBuffer`)."""

    def append(self, features: np.ndarray, pts_seconds: list[float]) -> None:
        """Add steps: `features` float32 [n, dim] and one time each."""

    def discard(self) -> None:
        """Drop what was taken."""


class SequenceBuffer:
    """A feature sequence in memory, step by step."""

    def __init__(self, dim: int):
        self.dim = dim
        self._data, self._pts = array("f"), array("d")

    def append(self, features: np.ndarray, pts_seconds: list[float]) -> None:
        """Add steps."""
        self._data.frombytes(np.ascontiguousarray(features, np.float32).tobytes())
        self._pts.extend(pts_seconds)

    def discard(self) -> None:
        """Nothing to drop."""

    def sequence(self) -> FeatureSequence:
        """All steps so far; absent where there are none."""
        data = np.frombuffer(self._data, np.float32).reshape(-1, self.dim)
        return FeatureSequence(data, np.frombuffer(self._pts, np.float64), present=len(data) > 0)


S = TypeVar("S", bound=Sink)


@dataclass(frozen=True, slots=True)
class Done(Generic[S]):
    """One video that has ended: its number, its sink (None where it failed), and how it ended."""

    number: int
    sink: S | None
    end: Finished


def sequences(
    messages: Iterable[tuple[int, Message]], compute: Compute, open_sink: Callable[[int], S]
) -> Generator[Done[S], None, None]:
    """Compute clips in batches across videos; yields each video as soon as its last step is computed.

    `messages` are (number of the video, clip or end): clips in order, and one end for each. Raises `OSError`
    for an end that is fatal. A sink whose video failed, or that is open when this is left, is discarded.
    While one batch is computed, in a thread, the next is gathered.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="compute") as thread:
        run = _Run(compute, open_sink, thread)
        try:
            for number, message in messages:
                yield from run.take(number, message)
            while run.busy:
                yield from run.flush()
        finally:
            for video in run.open.values():
                video.sink.discard()


@dataclass(slots=True, eq=False)
class _Open(Generic[S]):
    """A video on its way through the backbones; `waiting` counts its steps without features."""

    sink: S
    waiting: int = 0
    end: Finished | None = None
    failed: bool = False


class _Run(Generic[S]):
    def __init__(self, compute: Compute, open_sink: Callable[[int], S], thread: Executor):
        self.compute, self.open_sink, self._thread = compute, open_sink, thread
        self.open: dict[int, _Open[S]] = {}
        self.batch: list[tuple[_Open[S], Clip]] = []
        self._computing: tuple[list[tuple[_Open[S], float]], Future[np.ndarray]] | None = None

    @property
    def busy(self) -> bool:
        """Whether steps are without their features."""
        return bool(self.batch or self._computing)

    def take(self, number: int, message: Message) -> Iterator[Done[S]]:
        if isinstance(message, Clip):
            taken = self._opened(number)
            taken.waiting += 1
            self.batch.append((taken, message))
            if len(self.batch) == self.compute.batch_size:
                yield from self.flush()
        elif message.fatal:
            raise OSError(message.error)
        elif message.error or message.skipped:
            video = self.open.pop(number, None)
            if video is not None:
                self.batch = [(v, clip) for v, clip in self.batch if v is not video]
                video.failed = True
                video.sink.discard()
            yield Done(number, None, message)
        else:
            self._opened(number).end = message
            yield from self._ended()

    def flush(self) -> Iterator[Done[S]]:
        """Have what is waiting computed, in one batch, and hand out the features of the batch before it."""
        before, self._computing = self._computing, self._begun()
        if before:
            steps, features = before[0], before[1].result()
            if not np.isfinite(features).all():
                raise WorkError("features are not finite; check the backbone's weights")
            self._hand_out(steps, features)
        yield from self._ended()

    def _begun(self) -> tuple[list[tuple[_Open[S], float]], Future[np.ndarray]] | None:
        batch, self.batch = self.batch, []
        if not batch:
            return None
        steps = [(video, clip.pts_seconds) for video, clip in batch]
        context = copy_context()  # who listens to what backbones have to say
        return steps, self._thread.submit(context.run, self.compute, [clip.inputs for _, clip in batch])

    def _hand_out(self, steps: list[tuple[_Open[S], float]], features: np.ndarray) -> None:
        rows: dict[_Open[S], list[int]] = {}
        for row, (video, _) in enumerate(steps):
            rows.setdefault(video, []).append(row)
        for video, own in rows.items():
            video.waiting -= len(own)
            if not video.failed:
                video.sink.append(features[own], [steps[row][1] for row in own])

    def _opened(self, number: int) -> _Open[S]:
        if number not in self.open:
            self.open[number] = _Open(self.open_sink(number))
        return self.open[number]

    def _ended(self) -> Iterator[Done[S]]:
        for number, video in list(self.open.items()):
            if video.end is not None and not video.waiting:
                yield Done(number, video.sink, video.end)
                del self.open[number]
