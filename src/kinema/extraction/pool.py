"""A pool of decoding processes that survives what decoders do: crash, hang, or find a broken file."""

import queue
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Self

import psutil

from ..errors import WorkError
from ..resources import Resources
from ..streams.base import StreamSettings
from .child import how_it_ended, start_child
from .messages import Finished, Job, Message, Placed, Ready, Setting
from .slots import memory_file, taken

# A worker that for this long neither sends anything nor uses the processor is stuck. One that works in
# silence (it counts the frames of a long film) is given PATIENCE times as long.
HANG_SECONDS = 180.0
PATIENCE = 20
# How often a worker that a signal killed while it started (no memory, perhaps) is started again.
STARTS_AGAIN = 3


class DecodingPool:
    """Worker processes, kept from one extraction to the next; `close`, or leaving it, ends them."""

    def __init__(self, *, hang_seconds: float = HANG_SECONDS):
        self.hang_seconds = hang_seconds
        self._idle: list[_Worker] = []
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
        ahead: int = 16,
    ) -> Generator[tuple[int, Message], None, None]:
        """Yield (number of the job, message); for each job clips in order and then one `Finished`.

        `needed` is asked when a job's turn comes: another process may have done it by then. The clips of at
        most `ahead` slots wait: workers wait when the consumer is slower, so memory does not grow. Close the
        iterator (`contextlib.closing`) where it is left early: that ends the processes at work.

        Raises:
            WorkError: no process can be started, or one cannot get ready.
        """
        todo = list(enumerate(jobs))
        running = min(workers, len(todo))
        # Fewer videos than processes: each process has the processors of those that are not there.
        setting = Setting(stream, resources, threads=workers // running if running else 1)
        yield from _Extraction(self, setting, ahead).messages(todo, needed, running)

    def worker(self, *, waiting: bool) -> "_Worker":
        """One that waits for work, or a new one. Raises `IndexError` where none waits."""
        if waiting:
            return self._idle.pop()
        return _Worker(self._starter, self.hang_seconds)

    def keep(self, worker: "_Worker") -> None:
        """Have a worker wait for the next extraction."""
        self._idle.append(worker)


# Messages of one job, what went wrong in a thread, or None where a thread has ended.
_Item = tuple[int, Sequence[Message]] | BaseException | None


class _Extraction:
    """The threads of one extraction, each with a worker, and the queue that they fill."""

    def __init__(self, pool: DecodingPool, setting: Setting, ahead: int):
        self._pool, self._setting = pool, setting
        self._results: queue.Queue[_Item] = queue.Queue(maxsize=ahead)
        self._stop = threading.Event()
        self._workers: list[_Worker] = []

    def messages(
        self, jobs: Sequence[tuple[int, Job]], needed: Callable[[int], bool], running: int
    ) -> Generator[tuple[int, Message], None, None]:
        todo: queue.SimpleQueue[tuple[int, Job]] = queue.SimpleQueue()
        for job in jobs:
            todo.put(job)
        threads = [
            threading.Thread(target=self._drive, args=(todo, needed), daemon=True) for _ in range(running)
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

    def _drive(self, todo: queue.SimpleQueue[tuple[int, Job]], needed: Callable[[int], bool]) -> None:
        """Give one worker jobs, pass on what it sends, replace it when it dies.

        A thread per worker process; whatever goes wrong in it is raised in the consumer.
        """
        worker: _Worker | None = None
        try:
            while not self._stop.is_set():
                try:
                    number, job = todo.get_nowait()
                except queue.Empty:
                    break
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

    def _ready(self) -> "_Worker":
        """A worker with the setting of this extraction: one that waits for work, or a new one."""
        with suppress(IndexError, WorkError):
            return self._told(self._pool.worker(waiting=True))
        for _ in range(STARTS_AGAIN):
            with suppress(_KilledEarly):
                return self._told(self._pool.worker(waiting=False))
        return self._told(self._pool.worker(waiting=False))

    def _told(self, worker: "_Worker") -> "_Worker":
        worker.tell(self._setting, self._stop)
        return worker

    def _put(self, item: _Item) -> None:
        while not self._stop.is_set():
            try:
                self._results.put(item, timeout=0.2)
                return
            except queue.Full:
                continue


class _KilledEarly(WorkError):
    """A signal ended a worker before it was ready."""


class _Worker:
    """One child process, our end of its pipe, and the file that its clips lie in."""

    def __init__(self, starter: Executor, hang_seconds: float):
        self.hang_seconds, self.stop = hang_seconds, threading.Event()
        self.alive = True
        with ExitStack() as stack:
            self.memory = stack.enter_context(memory_file())
            self.connection, theirs = Pipe()
            stack.callback(self.connection.close)
            try:
                self.process = starter.submit(_start, theirs, self.memory).result()
            except OSError as error:
                raise WorkError(
                    f"cannot start a decoding process ({error.strerror}); ask for fewer with --workers"
                ) from None
            finally:
                theirs.close()
            self._open = stack.pop_all()

    def tell(self, setting: Setting, stop: threading.Event) -> None:
        """Set up for jobs; waiting for the worker ends when `stop` is set. Raises `WorkError`."""
        self.stop = stop
        try:
            self.connection.send(setting)
            ready = self._receive()
        except (EOFError, OSError):
            ready = None
        if not isinstance(ready, Ready) and not stop.is_set():
            cause = how_it_ended(self.process)
            kind = _KilledEarly if (self.process.returncode or 0) < 0 else WorkError
            self.close()
            raise kind(f"a decoding process could not start ({cause}); run `kinema doctor`")

    def run(self, job: Job) -> Iterator[Sequence[Message]]:
        """Yield a job's clips, slot by slot, and its `Finished`, also where the process dies or hangs."""
        try:
            self.connection.send(job)
            while isinstance(message := self._receive(), Placed):
                yield taken(message, self.connection, self.memory)
            if not isinstance(message, Finished):
                self.alive = False
                message = Finished(error=f"decoder hung: nothing for {self.hang_seconds:g} s")
            yield [message]
        except (EOFError, OSError):
            self.alive = False
            yield [Finished(error=f"decoder crashed ({how_it_ended(self.process)})")]

    def _receive(self) -> Placed | Finished | Ready | None:
        """The next message; None where the process hangs or nobody wants it any more."""
        started = active = time.monotonic()
        used = 0.0
        while not self.stop.is_set():
            if self.connection.poll(min(0.5, self.hang_seconds)):
                return self.connection.recv()
            now = time.monotonic()
            before, used = used, self._processor_seconds()
            if used > before + 0.005:
                active = now
            if now - active > self.hang_seconds or now - started > PATIENCE * self.hang_seconds:
                break
        return None

    def _processor_seconds(self) -> float:
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    def close(self) -> None:
        """End the process."""
        self._open.close()
        self.process.kill()
        self.process.wait()


def _start(pipe: Connection, memory: int) -> subprocess.Popen[bytes]:
    # BLAS pools of the workers would only fight the backbone's threads.
    single = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    return start_child("kinema.extraction.worker", pipe, memory, **single)
