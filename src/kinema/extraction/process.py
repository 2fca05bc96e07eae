"""One decoding process: started, told what to do, watched, and ended."""

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import psutil

from ..errors import WorkError
from .child import how_it_ended, start_child
from .messages import Finished, Placed, Ready
from .slots import ClipReceiver, Mover, memory_file

# A worker that for this long neither sends anything nor uses the processor is stuck. One that works in
# silence (it counts the frames of a long film) is given PATIENCE times as long.
HANG_SECONDS = 180.0
PATIENCE = 20
# The module that a process runs.
WORKER = "kinema.extraction.worker"


class KilledEarly(WorkError):
    """A signal ended a worker before it was ready."""


class DecodingProcess:
    """One child process, our end of its pipe, and the file that its clips lie in."""

    def __init__(self, starter: Executor, hang_seconds: float, module: str = WORKER):
        self.hang_seconds, self.stop = hang_seconds, threading.Event()
        self.alive = True
        self._mover: Mover | None = None
        with ExitStack() as stack:
            self.memory = stack.enter_context(memory_file())
            self.connection, theirs = Pipe()
            stack.callback(self.connection.close)
            self._clips = ClipReceiver(self.connection, self.memory)
            try:
                self.process = starter.submit(_start, module, theirs, self.memory).result()
            except OSError as error:
                raise WorkError(
                    f"cannot start a decoding process ({error.strerror}); ask for fewer with --workers"
                ) from None
            finally:
                theirs.close()
            self._open = stack.pop_all()

    def tell(self, setting: Any, stop: threading.Event, mover: Mover | None = None) -> None:
        """Set up for jobs; waiting for the worker ends when `stop` is set. Raises `WorkError`.

        `mover`: where its clips go.
        """
        self.stop, self._mover = stop, mover
        try:
            self.connection.send(setting)
            ready = self._receive()
        except (EOFError, OSError):
            ready = None
        if not isinstance(ready, Ready) and not stop.is_set():
            cause = how_it_ended(self.process)
            kind = KilledEarly if (self.process.returncode or 0) < 0 else WorkError
            self.close()
            raise kind(f"a decoding process could not start ({cause}); run `kinema doctor`")

    def run(self, job: Any) -> Iterator[Sequence[Any]]:
        """Yield a job's clips, slot by slot, and what else is sent; `Finished` is last.

        It comes where the process dies or hangs, too.
        """
        try:
            self.connection.send(job)
            while not isinstance(message := self._receive(), Finished | None):
                placed = isinstance(message, Placed)
                yield self._clips.take(message, self._mover) if placed else [message]
            if message is None:
                self.alive = False
                message = Finished(error=f"decoder hung: nothing for {self.hang_seconds:g} s")
            yield [message]
        except (EOFError, OSError):
            self.alive = False
            yield [Finished(error=f"decoder crashed ({how_it_ended(self.process)})")]

    def _receive(self) -> Any:
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


def _start(module: str, pipe: Connection, memory: int) -> subprocess.Popen[bytes]:
    # BLAS pools of the workers would only fight the backbone's threads.
    return start_child(module, pipe, memory, OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
