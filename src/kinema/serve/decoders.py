"""The decoding processes of a server: kept warm, one for each request at work, replaced after trouble."""

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from typing import Any

from ..errors import MediaError, WorkError
from ..extraction.messages import Finished
from ..extraction.process import DecodingProcess, KilledEarly
from .bounded import TooLarge
from .messages import Beyond, Job, Opening

MODULE = "kinema.serve.worker"
HANG_SECONDS = 60.0
STARTS = 4


class Stopped(WorkError):
    """Nobody waits for the answer any more."""


class Overdue(TooLarge):
    """The work on a request took longer than it may."""


class Lease:
    """The time that one request has: it ends when `cancel` is called, or `seconds` after `start`."""

    def __init__(self, seconds: float):
        self.seconds, self.stop = seconds, threading.Event()
        self._timer: threading.Timer | None = None
        self._overdue = False

    def start(self) -> None:
        """Its turn has come."""
        self._timer = threading.Timer(self.seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        """The client is gone, or has its answer."""
        if self._timer:
            self._timer.cancel()
        self.stop.set()

    def check(self) -> None:
        """Raise `Overdue`, or `Stopped`, where the time is over."""
        if self._overdue:
            raise Overdue(f"the work took longer than {self.seconds:g} s; send a shorter video")
        if self.stop.is_set():
            raise Stopped("the request was given up; send it again")

    def _expire(self) -> None:
        self._overdue = True
        self.stop.set()


class Decoders:
    """Processes that decode files of strangers. `close` ends those that wait."""

    def __init__(self, opening: Opening, *, on_replaced: Callable[[], None] = lambda: None):
        self._opening, self._on_replaced = opening, on_replaced
        self._idle: list[DecodingProcess] = []
        # Linux ends a process with the thread that started it: one that lives as long as we do.
        self._starter = ThreadPoolExecutor(1)

    def warm(self, count: int) -> None:
        """Have `count` processes wait. Raises `WorkError` where none can be started."""
        for _ in range(count - len(self._idle)):
            self._idle.append(self._started(threading.Event()))

    def close(self) -> None:
        """End the processes that wait for work."""
        while self._idle:
            self._idle.pop().close()
        self._starter.shutdown()

    @contextmanager
    def process(self, lease: Lease) -> Generator[Callable[[Job], Iterator[Any]], None, None]:
        """A function that has jobs done by one process: it yields what the process says, but for the end.

        It raises `MediaError` for a file that cannot be read, `TooLarge` for one beyond a limit, `Overdue`
        and `Stopped`. A process that met any of these is not used again: what a file did to it is not known.
        """
        try:
            process = self._idle.pop()
        except IndexError:
            process = self._started(lease.stop)
        process.stop = lease.stop
        sound = False
        try:
            yield lambda job: _done(process, job, lease)
            sound = process.alive
        finally:
            if sound:
                self._idle.append(process)
            else:
                process.close()
                self._on_replaced()

    def _started(self, stop: threading.Event) -> DecodingProcess:
        for attempt in range(STARTS):
            process = DecodingProcess(self._starter, HANG_SECONDS, MODULE)
            try:
                process.tell(self._opening, stop)
                return process
            except KilledEarly:
                if attempt + 1 == STARTS:
                    raise
        raise AssertionError("unreachable")


def _done(process: DecodingProcess, job: Job, lease: Lease) -> Iterator[Any]:
    beyond = False
    for message in chain.from_iterable(process.run(job)):
        if isinstance(message, Finished):
            lease.check()
            if message.error:
                raise (TooLarge if beyond else MediaError)(message.error)
            return
        beyond = beyond or isinstance(message, Beyond)
        yield message
