"""The one thread that computes: backbones in batches that are filled across all requests, and the rest.

A batch is computed when it is full, or when a video has ended and for a moment nothing more has come. Batches
are padded to one size, so a video's features do not depend on whose steps were beside its own.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from ..errors import KinemaError, WorkError
from ..extraction.engine import Compute, Done, Engine, SequenceBuffer
from ..extraction.messages import Finished, Message
from ..types import Clip, FeatureSequence

LINGER_SECONDS = 0.02
# Messages that wait for the thread: decoders wait when it is slower, so memory does not grow.
AHEAD = 32

T = TypeVar("T")
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Push:
    stream: str
    number: int
    message: Message


@dataclass(frozen=True, slots=True)
class _Call:
    function: Callable[[], Any]
    answer: Future[Any]


class ComputeThread:
    """Takes the clips of any number of videos at a time; `close` ends it."""

    def __init__(self, streams: Mapping[str, Compute]):
        self._computes = streams
        self._engines = {name: self._engine(name) for name in streams}
        self._inbox: queue.Queue[_Push | _Call | None] = queue.Queue(maxsize=AHEAD)
        self._numbers = count()
        self._owners: dict[int, tuple[queue.SimpleQueue[Any], Any]] = {}
        self._thread = threading.Thread(target=self._run, name="compute", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, when what waits is done."""
        self._inbox.put(None)
        self._thread.join()

    def call(self, function: Callable[[], T]) -> T:
        """What `function` returns, called in the thread; raises what it raises."""
        answer: Future[T] = Future()
        self._inbox.put(_Call(function, answer))
        return answer.result()

    def sequences(self, messages: Iterable[tuple[Key, Message]]) -> Iterator[tuple[Key, FeatureSequence]]:
        """Feature sequences as they are completed, of messages keyed by stream and number.

        Call it in a thread of the request's own. Raises `WorkError` where the features are not finite.
        """
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        numbers: dict[Key, int] = {}
        open_ones: set[Key] = set()
        try:
            for key, message in messages:
                if key not in numbers:
                    numbers[key] = next(self._numbers)
                    self._owners[numbers[key]] = answers, key
                    open_ones.add(key)
                self._inbox.put(_Push(key[0], numbers[key], message))
                while not answers.empty():
                    yield self._taken(answers.get(), open_ones)
            while open_ones:
                yield self._taken(answers.get(), open_ones)
        finally:
            for key in open_ones:
                self._inbox.put(_Push(key[0], numbers[key], Finished(skipped=True)))

    @staticmethod
    def _taken(answer: Any, open_ones: set[Key]) -> tuple[Key, FeatureSequence]:
        key, found = answer
        open_ones.discard(key)
        if isinstance(found, KinemaError):
            raise found
        return key, found

    def _engine(self, stream: str) -> Engine[SequenceBuffer]:
        compute = self._computes[stream]
        return Engine(compute, lambda _: SequenceBuffer(compute.dim))

    def _run(self) -> None:
        while True:
            try:
                item = self._inbox.get(timeout=LINGER_SECONDS if self._owed() else None)
            except queue.Empty:
                for stream in self._owed():
                    self._step(stream, lambda engine: engine.flush())
                continue
            if item is None:
                for engine in self._engines.values():
                    engine.close()
                return
            if isinstance(item, _Call):
                _answer(item)
            else:
                self._push(item)

    def _push(self, item: _Push) -> None:
        if isinstance(item.message, Clip) and item.number not in self._owners:
            return  # of a video that failed with its batch
        self._step(item.stream, lambda engine: engine.take(item.number, item.message))

    def _owed(self) -> list[str]:
        return [name for name, engine in self._engines.items() if engine.owes]

    def _step(
        self, stream: str, move: Callable[[Engine[SequenceBuffer]], Iterator[Done[SequenceBuffer]]]
    ) -> None:
        """Move an engine and hand out what has ended. Where it fails, so does all that is in it."""
        engine = self._engines[stream]
        try:
            for done in move(engine):
                self._hand(done.number, done.sink.sequence() if done.sink else None)
        except Exception as error:
            failed = (
                error if isinstance(error, KinemaError) else WorkError(f"{type(error).__name__}: {error}")
            )
            for number in list(engine.open):
                self._hand(number, failed)
            engine.discard()

    def _hand(self, number: int, found: FeatureSequence | KinemaError | None) -> None:
        answers, key = self._owners.pop(number, (None, None))
        if answers is not None and found is not None:
            answers.put((key, found))


def _answer(call: _Call) -> None:
    try:
        call.answer.set_result(call.function())
    except BaseException as error:
        call.answer.set_exception(error)
