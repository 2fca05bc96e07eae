"""A pool of decoding processes that survives what decoders do: crash, hang, or find a broken file."""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import psutil

from ..errors import WorkError
from ..resources import Resources
from ..streams.base import StreamSettings
from ..types import Clip
from .messages import Finished, Job, Message, Ready

# A worker that for this long neither sends anything nor uses the processor is stuck. One that works in
# silence (it counts the frames of a long film) is given PATIENCE times as long.
HANG_SECONDS = 180.0
PATIENCE = 20
# How often a worker that a signal killed while it started (no memory, perhaps) is started again.
STARTS_AGAIN = 3


class DecodingPool:
    """Runs a stream in worker processes; iterate `results` for (job number, clip or end) as they come.

    The queue is bounded: workers wait when the consumer is slower, so memory does not grow.
    """

    def __init__(
        self,
        stream: StreamSettings,
        resources: Resources,
        *,
        workers: int,
        ahead: int = 64,
        hang_seconds: float = HANG_SECONDS,
    ):
        self.workers = workers
        self._setting = (stream, resources)
        self.hang_seconds = hang_seconds
        self._results: queue.Queue[tuple[int, Message] | BaseException | None] = queue.Queue(maxsize=ahead)
        self._stop = threading.Event()
        self._workers: list[_Worker] = []

    def results(
        self, jobs: Iterable[Job], needed: Callable[[int], bool] = lambda number: True
    ) -> Generator[tuple[int, Message], None, None]:
        """Yield (number of the job, message); for each job clips in order and then one `Finished`.

        `needed` is asked when a job's turn comes: another process may have done it by then. Call once, and
        close the iterator (`contextlib.closing`) where it is left early: that ends the processes.

        Raises:
            WorkError: no process can be started, or one cannot get ready.
        """
        todo: queue.SimpleQueue[tuple[int, Job]] = queue.SimpleQueue()
        for number, job in enumerate(jobs):
            todo.put((number, job))
        threads = [
            threading.Thread(target=self._drive, args=(todo, needed), daemon=True)
            for _ in range(min(self.workers, todo.qsize()))
        ]
        for thread in threads:
            thread.start()
        running = len(threads)
        try:
            while running:
                message = self._results.get()
                if isinstance(message, BaseException):
                    raise message
                if message is None:
                    running -= 1
                else:
                    yield message
        finally:
            self._stop.set()
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
                    self._put((number, Finished(skipped=True)))
                    continue
                if worker is None:
                    worker = self._started()
                    self._workers.append(worker)
                for message in worker.run(job):
                    self._put((number, message))
                if not worker.alive:
                    worker.close()
                    worker = None
            self._put(None)
        except BaseException as error:
            self._put(error)
        finally:
            if worker:
                worker.close()

    def _started(self) -> "_Worker":
        for _ in range(STARTS_AGAIN):
            with suppress(_KilledEarly):
                return _Worker(self._setting, self.hang_seconds, self._stop)
        return _Worker(self._setting, self.hang_seconds, self._stop)

    def _put(self, item: tuple[int, Message] | BaseException | None) -> None:
        while not self._stop.is_set():
            try:
                self._results.put(item, timeout=0.2)
                return
            except queue.Full:
                continue


class _KilledEarly(WorkError):
    """A signal ended a worker before it was ready."""


class _Worker:
    """One child process and our end of its pipe. Waiting for it ends when `stop` is set."""

    def __init__(self, setting: tuple[StreamSettings, Resources], hang_seconds: float, stop: threading.Event):
        self.hang_seconds, self.stop = hang_seconds, stop
        self.alive = True
        self.connection, theirs = Pipe()
        try:
            self.process = _start(theirs)
        except OSError as error:
            self.connection.close()
            raise WorkError(
                f"cannot start a decoding process ({error.strerror}); ask for fewer with --workers"
            ) from None
        finally:
            theirs.close()
        try:
            self.connection.send(setting)
            ready = self._receive()
        except (EOFError, OSError):
            ready = None
        if not isinstance(ready, Ready) and not stop.is_set():
            cause = self._cause()
            kind = _KilledEarly if (self.process.returncode or 0) < 0 else WorkError
            self.close()
            raise kind(f"a decoding process could not start ({cause}); run `kinema doctor`")

    def run(self, job: Job) -> Iterator[Message]:
        """Yield the clips of one job and its `Finished`, also where the process dies or hangs."""
        try:
            self.connection.send(job)
            while isinstance(message := self._receive(), Clip):
                yield message
            if not isinstance(message, Finished):
                self.alive = False
                message = Finished(error=f"decoder hung: nothing for {self.hang_seconds:g} s")
            yield message
        except (EOFError, OSError):
            self.alive = False
            yield Finished(error=f"decoder crashed ({self._cause()})")

    def _receive(self) -> Message | Ready | None:
        """The next message; None where the process hangs or nobody wants it any more."""
        started = active = time.monotonic()
        used = 0.0
        while not self.stop.is_set():
            if self.connection.poll(min(0.5, self.hang_seconds)):
                return self._read()
            now = time.monotonic()
            before, used = used, self._processor_seconds()
            if used > before + 0.005:
                active = now
            if now - active > self.hang_seconds or now - started > PATIENCE * self.hang_seconds:
                break
        return None

    def _read(self) -> Message | Ready | None:
        """A message whose first bytes are here. A worker that stops in the middle of it is killed."""
        stuck = threading.Timer(self.hang_seconds, self.process.kill)
        stuck.start()
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            if stuck.is_alive():
                raise
            return None
        finally:
            stuck.cancel()

    def _processor_seconds(self) -> float:
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    def _cause(self) -> str:
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "pipe closed"
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.kill()
        self.process.wait()


def _start(pipe: Connection) -> subprocess.Popen[bytes]:
    # BLAS pools of the workers would only fight the backbone's threads.
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
    }
    # -P: modules are found where we find them, and never in a working folder that happens to hold an av.py.
    command = [sys.executable, "-P", "-m", "kinema.extraction.worker", str(pipe.fileno()), str(os.getpid())]
    return subprocess.Popen(command, pass_fds=(pipe.fileno(),), env=environment, stdin=subprocess.DEVNULL)
