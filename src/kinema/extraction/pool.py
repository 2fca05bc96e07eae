"""A pool of decoding processes that survives what decoders do: crash, hang, or find a broken file."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice
from typing import Self

from ..errors import WorkError
from ..resources import Resources
from ..streams.base import StreamSettings
from .messages import Finished, Job, Message, Setting
from .process import HANG_SECONDS, DecodingProcess, KilledEarly
from .slots import Mover

# How often a worker that a signal killed while it started (no memory, perhaps) is started again.
STARTS_AGAIN = 3
# Slots that wait for the consumer, in this process's memory and in a GPU's.
AHEAD, AHEAD_ON_DEVICE = 16, 64


class DecodingPool:
    """Worker processes, kept from one extraction to the next; `close`, or leaving it, ends them."""

    def __init__(self, *, hang_seconds: float = HANG_SECONDS):
        self.hang_seconds = hang_seconds
        self._idle: list[DecodingProcess] = []
        # Linux ends a worker with the thread that started it: one that lives as long as the pool.
        self._starter = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that wait for work."""
        while self._idle:
            self._idle.pop().close()
        self._starter.shutdown()

    def results(
        self,
        stream: StreamSettings,
        resources: Resources,
        jobs: Iterable[Job],
        needed: Callable[[int], bool] = lambda number: True,
        *,
        workers: int,
        ahead: int | None = None,
        resizes_later: bool = False,
        mover: Mover | None = None,
    ) -> Generator[tuple[int, Message], None, None]:
        """Yield (number of the job, message); for each job clips in order and then one `Finished`.

        Jobs are taken as workers get free, one at a time, in threads of our own. `needed` is asked when a
        job's turn comes: another process may have done it by then. The clips of at most `ahead` slots wait,
        of more where a `mover` brings them to a GPU, whose batches are large: workers wait when the consumer
        is slower, so memory does not grow. Close the iterator
        (`contextlib.closing`) where it is left early: that ends the processes at work. `resizes_later`: see
        `kinema.streams.base.Tools`; `mover` says where arrays go, other than into memory of their own.

        Raises:
            WorkError: no process can be started, or one cannot get ready.
        """
        todo = enumerate(jobs)
        first = list(islice(todo, workers))
        running = len(first)
        # Fewer videos than processes: each process has the processors of those that are not there.
        threads = workers // running if running else 1
        setting = Setting(stream, resources, threads, resizes_later)
        ahead = ahead or (AHEAD_ON_DEVICE if mover else AHEAD)
        yield from _Extraction(self, setting, ahead, mover).messages(chain(first, todo), needed, running)

    def worker(self, *, waiting: bool) -> DecodingProcess:
        """One that waits for work, or a new one. Raises `IndexError` where none waits."""
        if waiting:
            return self._idle.pop()
        return DecodingProcess(self._starter, self.hang_seconds)

    def keep(self, worker: DecodingProcess) -> None:
        """Have a worker wait for the next extraction."""
        self._idle.append(worker)


# Messages of one job, what went wrong in a thread, or None where a thread has ended.
_Item = tuple[int, Sequence[Message]] | BaseException | None


class _Extraction:
    """The threads of one extraction, each with a worker, and the queue that they fill."""

    def __init__(self, pool: DecodingPool, setting: Setting, ahead: int, mover: Mover | None):
        self._pool, self._setting, self._mover = pool, setting, mover
        self._results: queue.Queue[_Item] = queue.Queue(maxsize=ahead)
        self._stop = threading.Event()
        self._taking = threading.Lock()
        self._workers: list[DecodingProcess] = []

    def messages(
        self, jobs: Iterator[tuple[int, Job]], needed: Callable[[int], bool], running: int
    ) -> Generator[tuple[int, Message], None, None]:
        threads = [
            threading.Thread(target=self._drive, args=(jobs, needed), daemon=True) for _ in range(running)
        ]
        for thread in threads:
            thread.start()
        try:
            while running:
                item = self._results.get()
                if isinstance(item, BaseException):
                    raise item
                if item is None:
                    running -= 1
                else:
                    number, messages = item
                    yield from ((number, message) for message in messages)
        finally:
            self._stop.set()
            if running:
                for worker in self._workers:
                    worker.process.kill()
            for thread in threads:
                thread.join()

    def _drive(self, jobs: Iterator[tuple[int, Job]], needed: Callable[[int], bool]) -> None:
        """Give one worker jobs, pass on what it sends, replace it when it dies.

        A thread per worker process; whatever goes wrong in it is raised in the consumer.
        """
        worker: DecodingProcess | None = None
        try:
            while not self._stop.is_set():
                with self._taking:
                    taken = next(jobs, None)
                if taken is None:
                    break
                number, job = taken
                if not needed(number):
                    self._put((number, [Finished(skipped=True)]))
                    continue
                if worker is None:
                    worker = self._ready()
                    self._workers.append(worker)
                for messages in worker.run(job):
                    self._put((number, messages))
                if not worker.alive:
                    worker.close()
                    worker = None
            if worker and not self._stop.is_set():
                self._pool.keep(worker)
                worker = None
            self._put(None)
        except BaseException as error:
            self._put(error)
        finally:
            if worker:
                worker.close()

    def _ready(self) -> DecodingProcess:
        """A worker with the setting of this extraction: one that waits for work, or a new one."""
        with suppress(IndexError, WorkError):
            return self._told(self._pool.worker(waiting=True))
        for _ in range(STARTS_AGAIN):
            with suppress(KilledEarly):
                return self._told(self._pool.worker(waiting=False))
        return self._told(self._pool.worker(waiting=False))

    def _told(self, worker: DecodingProcess) -> DecodingProcess:
        worker.tell(self._setting, self._stop, self._mover)
        return worker

    def _put(self, item: _Item) -> None:
        while not self._stop.is_set():
            try:
                self._results.put(item, timeout=0.2)
                return
            except queue.Full:
                continue
