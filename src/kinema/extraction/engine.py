"""The extraction engine: messages of many videos in, their feature sequences out.

Batches are filled across videos and always padded to one size, so that a video's features depend on the
video and the settings alone: not on its neighbours, not on who supplies its clips, and not on where an
earlier run was interrupted.
"""

import threading
from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np

from ..errors import BucketError, WorkError
from ..types import Clip, FeatureSequence
from .messages import Finished, Message
from .slots import Mover

# Videos of a batch whose features are hashed and written at the same time.
PUTTING = 4


class Compute(Protocol):
    """The backbone half: up to `batch_size` steps in, a feature vector each out; `at_once` calls together.

    `resizes`: it takes frames of any size. `mover` brings arrays to where it computes, ahead of a call.
    """

    dim: int
    batch_size: int
    at_once: int
    resizes: bool
    mover: Mover | None

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


R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Done(Generic[R]):
    """One video that has ended: its number, its sink (None where it failed), and how it ended."""

    number: int
    sink: R | None
    end: Finished


def sequences(
    messages: Iterable[tuple[int, Message]], compute: Compute, open_sink: Callable[[int], S]
) -> Generator[Done[S], None, None]:
    """Compute clips in batches across videos; yields each video as soon as its last step is computed.

    `messages` are (number of the video, clip or end): clips in order, and one end for each. Raises `OSError`
    for an end that is fatal. A sink whose video failed, or that is open when this is left, is discarded.
    While batches are computed, in threads, the next is gathered.
    """
    engine = Engine(compute, open_sink)
    try:
        for number, message in messages:
            yield from engine.take(number, message)
        yield from engine.flush()
    finally:
        engine.close()


@dataclass(slots=True, eq=False)
class _Open(Generic[S]):
    """A video on its way through the backbones; `waiting` counts its steps without features."""

    sink: S
    waiting: int = 0
    end: Finished | None = None
    failed: bool = False
    # Held while features are put into the sink, or it is discarded.
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, features: np.ndarray, pts_seconds: list[float]) -> None:
        """Add steps, unless the video has failed."""
        with self.lock:
            if not self.failed:
                self.sink.append(features, pts_seconds)

    def drop(self) -> None:
        """Discard the sink, and what is still computed for it."""
        with self.lock:
            self.failed = True
            self.sink.discard()


class Engine(Generic[S]):
    """Messages in, one at a time, ended videos out; `flush` computes a batch that is not full.

    Threads compute, and one more hands out the features in the order of the batches, those of several videos
    at once (they are hashed and written); `close` ends them.
    """

    def __init__(self, compute: Compute, open_sink: Callable[[int], S]):
        self.compute, self.open_sink = compute, open_sink
        self._threads = ThreadPoolExecutor(compute.at_once, thread_name_prefix="compute")
        self._handing = ThreadPoolExecutor(1, thread_name_prefix="hand out")
        self._putting = ThreadPoolExecutor(PUTTING, thread_name_prefix="put")
        self.open: dict[int, _Open[S]] = {}
        self.batch: list[tuple[_Open[S], Clip]] = []
        self._computing: deque[Future[list[_Open[S]]]] = deque()

    @property
    def owes(self) -> bool:
        """Whether a video has ended whose last steps wait for a full batch."""
        return any(video.end is not None for video in self.open.values())

    def discard(self) -> None:
        """Drop the videos that have not ended."""
        for video in self.open.values():
            video.drop()
        self.open, self.batch = {}, []
        self._computing.clear()

    def close(self) -> None:
        """Drop the videos that have not ended, and end the threads."""
        self.discard()
        self._threads.shutdown()
        self._handing.shutdown()
        self._putting.shutdown()

    def take(self, number: int, message: Message) -> Iterator[Done[S]]:
        """Take the next message of a video; the videos that have ended by it."""
        if isinstance(message, Clip):
            taken = self._opened(number)
            taken.waiting += 1
            self.batch.append((taken, message))
            if len(self.batch) == self.compute.batch_size:
                yield from self._begin()
        elif message.fatal:
            raise BucketError(message.error or "") if message.away else OSError(message.error)
        elif message.error or message.skipped:
            video = self.open.pop(number, None)
            if video is not None:
                self.batch = [(v, clip) for v, clip in self.batch if v is not video]
                video.drop()
            yield Done(number, None, message)
        else:
            self._opened(number).end = message
            yield from self._ended()

    def flush(self) -> Iterator[Done[S]]:
        """Compute what is waiting, in one batch, and hand every video the rest of its steps."""
        yield from self._begin()
        while self._computing:
            yield from self._collect()
        yield from self._ended()

    def _begin(self) -> Iterator[Done[S]]:
        """Have what is waiting computed, in one batch, and collect the batches before it that are due."""
        batch, self.batch = self.batch, []
        if batch:
            steps = [(video, clip.pts_seconds) for video, clip in batch]
            inputs = [clip.inputs for _, clip in batch]
            context = copy_context()  # who listens to what backbones have to say
            computing = self._threads.submit(context.run, self._computed, inputs)
            self._computing.append(self._handing.submit(self._hand_out, steps, computing))
        while len(self._computing) > self.compute.at_once:
            yield from self._collect()

    def _collect(self) -> Iterator[Done[S]]:
        """Wait for the features of the batch that was begun first."""
        for video in self._computing.popleft().result():
            video.waiting -= 1
        yield from self._ended()

    def _computed(self, inputs: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
        features = self.compute(inputs)
        if not np.isfinite(features).all():
            raise WorkError("features are not finite; check the backbone's weights")
        return features

    def _hand_out(
        self, steps: list[tuple[_Open[S], float]], computing: "Future[np.ndarray]"
    ) -> list[_Open[S]]:
        """Put the features of a batch into their sinks; the video of each step."""
        features = computing.result()
        rows: dict[_Open[S], list[int]] = {}
        for row, (video, _) in enumerate(steps):
            rows.setdefault(video, []).append(row)

        def put(video: _Open[S]) -> None:
            own = rows[video]
            video.put(features[own], [steps[row][1] for row in own])

        each = self._putting.map(put, rows) if len(rows) > 1 else map(put, rows)
        deque(each, maxlen=0)
        return [video for video, _ in steps]

    def _opened(self, number: int) -> _Open[S]:
        if number not in self.open:
            self.open[number] = _Open(self.open_sink(number))
        return self.open[number]

    def _ended(self) -> Iterator[Done[S]]:
        for number, video in list(self.open.items()):
            if video.end is not None and not video.waiting:
                yield Done(number, video.sink, video.end)
                del self.open[number]
