"""A pool of decoding processes that survives what decoders do: crash, hang, or find a broken file."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from ..streams.source import Job, SourceConfig
from ..types import Clip
from .messages import Finished, Message

# A worker that sends nothing for this long is stuck; optical flow of one clip takes seconds at most.
HANG_SECONDS = 180.0


class DecodingPool:
    """Runs sources in worker processes; iterate `results` for (job number, clip or end) as they come.

    The queue is bounded: workers wait when the consumer is slower, so memory does not grow.
    """

    def __init__(
        self,
        config: SourceConfig,
        *,
        workers: int,
        threads: int = 1,
        ahead: int = 64,
        hang_seconds: float = HANG_SECONDS,
    ):
        self.config, self.workers, self.threads = config, workers, threads
        self.hang_seconds = hang_seconds
        self._results: queue.Queue[tuple[int, Message] | BaseException | None] = queue.Queue(maxsize=ahead)
        self._stop = threading.Event()
        self._children: set[subprocess.Popen[bytes]] = set()

    def results(
        self, jobs: Iterable[Job], needed: Callable[[int], bool] = lambda number: True
    ) -> Iterator[tuple[int, Message]]:
        """Yield (number of the job, message); for each job clips in order and then one `Finished`.

        `needed` is asked when a job's turn comes: another process may have done it by then.
        """
        todo: queue.SimpleQueue[tuple[int, Job]] = queue.SimpleQueue()
        for number, job in enumerate(jobs):
            todo.put((number, job))
        count = min(self.workers, todo.qsize())
        threads = [
            threading.Thread(target=self._drive, args=(todo, needed), daemon=True) for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        running = count
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
            for child in list(self._children):
                child.kill()

    def _drive(self, todo: queue.SimpleQueue[tuple[int, Job]], needed: Callable[[int], bool]) -> None:
        """One thread per worker process; whatever goes wrong in it is raised in the consumer."""
        try:
            self._hand_out(todo, needed)
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _hand_out(self, todo: queue.SimpleQueue[tuple[int, Job]], needed: Callable[[int], bool]) -> None:
        """Give one worker jobs, pass on what it sends, replace it when it dies."""
        worker: _Worker | None = None
        while not self._stop.is_set():
            try:
                number, job = todo.get_nowait()
            except queue.Empty:
                break
            if not needed(number):
                self._put((number, Finished(skipped=True)))
                continue
            worker = worker or self._start()
            for message in worker.run(job, self.hang_seconds):
                self._put((number, message))
            if not worker.alive:
                self._close(worker)
                worker = None
        if worker:
            self._close(worker)

    def _put(self, item: tuple[int, Message] | BaseException | None) -> None:
        while not self._stop.is_set():
            try:
                self._results.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

    def _start(self) -> _Worker:
        worker = _Worker(self.config, self.threads)
        self._children.add(worker.process)
        return worker

    def _close(self, worker: _Worker) -> None:
        worker.close()
        self._children.discard(worker.process)


class _Worker:
    """One child process and our end of its pipe."""

    def __init__(self, config: SourceConfig, threads: int):
        ours, theirs = Pipe()
        # The source is torch-free or bounds its own threads; BLAS pools would only fight the backbone's.
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)}
        command = [sys.executable, "-m", "kinema.features.worker", str(theirs.fileno())]
        self.process = subprocess.Popen(
            command, pass_fds=(theirs.fileno(),), env=environment, stdin=subprocess.DEVNULL
        )
        theirs.close()
        self.connection: Connection = ours
        self.alive = True
        ours.send((config, threads))

    def run(self, job: Job, hang_seconds: float) -> Iterator[Message]:
        """Yield the clips of one job and its `Finished`, also where the process dies or hangs."""
        try:
            self.connection.send(job)
            while True:
                if not self.connection.poll(hang_seconds):
                    self.alive = False
                    yield Finished(error=f"decoder hung: nothing for {hang_seconds:g} s")
                    return
                message: Message = self.connection.recv()
                yield message
                if not isinstance(message, Clip):
                    return
        except (EOFError, OSError):
            self.alive = False
            yield Finished(error=f"decoder crashed ({self._cause()})")

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
