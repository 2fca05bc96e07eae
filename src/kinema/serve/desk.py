"""Who is let in, and whose turn it is: a bounded queue in front of as many threads as there are processes."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from .decoders import Lease
from .errors import Refused

T = TypeVar("T")
LONGEST_WAIT = 120


class Desk:
    """At most `workers` requests are worked on, `waiting` more are let in, others are to come again."""

    def __init__(self, workers: int, waiting: int, work_seconds: float):
        self.workers, self.capacity, self.work_seconds = workers, workers + waiting, work_seconds
        self.inside = self.working = 0
        self._usual_seconds = 1.0
        self._threads = ThreadPoolExecutor(workers, "request")

    def close(self) -> None:
        """Let the threads end with what they do."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def place(self) -> Generator[None, None, None]:
        """A place inside, from before the upload to the answer. Raises `Refused` (429) where none is free."""
        if self.inside >= self.capacity:
            seconds = self.retry_after()
            raise Refused(429, f"the server is busy; try again in {seconds} s", {"Retry-After": str(seconds)})
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def retry_after(self) -> int:
        """Seconds after which half of those inside will have gone, by what requests took of late."""
        seconds = self._usual_seconds * self.inside / self.workers / 2
        return max(1, min(LONGEST_WAIT, math.ceil(seconds)))

    async def work(self, function: Callable[[Lease], T], gone: Callable[[], Awaitable[bool]]) -> T:
        """What `function` returns, in a thread when its turn has come.

        It is told to stop through its lease when the client is gone (`gone` waits for that), or when this is
        cancelled, and has stopped when this ends.
        """
        lease = Lease(self.work_seconds)
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._timed, function, lease)
        watcher = asyncio.ensure_future(gone())
        try:
            both: set[asyncio.Future[Any]] = {work, watcher}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watcher.cancel()
            lease.cancel()
        return await work

    def _timed(self, function: Callable[[Lease], T], lease: Lease) -> T:
        lease.check()
        lease.start()
        self.working += 1
        started = time.monotonic()
        try:
            return function(lease)
        finally:
            self.working -= 1
            self._usual_seconds += 0.2 * (time.monotonic() - started - self._usual_seconds)
