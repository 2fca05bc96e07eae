"""One stream at work for many threads: each brings the clips of a video, and batches are filled from all."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import count

from ..engine import Compute, Done, Engine, Sink
from ..messages import Finished, Message


class Station:
    """An engine that threads share. A batch that is not full is computed when nobody brings clips any more.

    `OSError` and `WorkError` of the engine stop it for all: they are raised in every thread.
    """

    def __init__(self, compute: Compute):
        self.dim = compute.dim
        self._engine: Engine[Sink] = Engine(compute, lambda number: self._sinks[number]())
        self._lock = threading.Lock()
        self._numbers = count()
        self._sinks: dict[int, Callable[[], Sink]] = {}
        self._waiting: dict[int, Future[Done[Sink]]] = {}
        self._bringing = 0
        self._broken: BaseException | None = None

    def video(self, messages: Iterable[list[Message]], open_sink: Callable[[], Sink]) -> Done[Sink]:
        """Compute one video; returns when its last step is computed. What `messages` raises, this does."""
        number, done = next(self._numbers), Future[Done[Sink]]()
        with self._lock:
            self._sinks[number], self._waiting[number] = open_sink, done
            self._bringing += 1
        try:
            for group in messages:
                with self._lock:
                    for message in group:
                        self._move(self._engine.take(number, message))
        except BaseException:
            with self._lock:
                self._move(self._engine.take(number, Finished(skipped=True)))
            raise
        finally:
            with self._lock:
                self._bringing -= 1
                if not self._bringing:
                    self._move(self._engine.flush())
        return done.result()

    def close(self) -> None:
        """Drop what is not finished."""
        with self._lock:
            self._engine.close()

    def _move(self, ended: Iterator[Done[Sink]]) -> None:
        if self._broken is not None:
            raise self._broken
        try:
            for done in ended:
                del self._sinks[done.number]
                self._waiting.pop(done.number).set_result(done)
        except BaseException as error:
            self._broken = error
            for waiting in self._waiting.values():
                waiting.set_exception(error)
            self._engine.discard()
            raise
