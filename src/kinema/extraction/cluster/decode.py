"""A video's clips as a task of Ray. Imported by processes that only decode: no torch here."""

import os
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Self

from ...errors import KinemaError
from ...media.video import VideoFile
from ...resources import Resources
from ...streams.base import Tools
from ..inline import messages_of
from ..messages import Finished, Job, Message, Setting
from ..process import HANG_SECONDS, PATIENCE
from ..slots import SLOT_BYTES, SLOT_CLIPS
from .site import Site, Unreachable


def decode(setting: Setting, job: Job, site: Site, machine: str = "") -> Iterator[list[Message]]:
    """The clips of a job, several at a time, and `Finished` last.

    A file that cannot be read ends in its error. Raises `Unreachable` where the machine is to blame.
    """
    group: list[Message] = []
    size = 0
    messages = _settled(setting, job)
    while True:
        with _WATCH:
            message = next(messages)
        if isinstance(message, Finished):
            if message.error is not None:
                site.check(machine)
            yield [*group, message]
            return
        group.append(message)
        size += sum(array.nbytes for array in message.inputs)
        if size >= SLOT_BYTES or len(group) == SLOT_CLIPS:
            yield group
            group, size = [], 0


def _settled(setting: Setting, job: Job) -> Iterator[Message]:
    tools = _tools(setting.resources, setting.threads)
    try:
        yield from messages_of(setting.stream, VideoFile.of(job.record), job.task, tools)
    except Unreachable:
        raise
    except (KinemaError, OSError) as error:
        yield Finished.of(error)


@lru_cache(maxsize=4)
def _tools(resources: Resources, threads: int) -> Tools:
    """One set of tools for all tasks of this process."""
    return Tools(resources, threads=threads)


class _Watch:
    """Ends this process where its thread neither gets ready nor uses the processor: Ray then tries again."""

    def __init__(self) -> None:
        self._at_work: tuple[float, int] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._at_work = time.monotonic(), threading.get_ident()
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, daemon=True, name="watch")
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._at_work = None

    def _look(self) -> None:
        seen, active, used = None, 0.0, 0.0
        while True:
            time.sleep(1.0)
            now, at_work = time.monotonic(), self._at_work
            if at_work is None:
                seen = None
                continue
            before, used = used, _processor_seconds(at_work[1])
            if seen != at_work or used > before:
                seen, active = at_work, now
            if now - active > HANG_SECONDS or now - at_work[0] > PATIENCE * HANG_SECONDS:
                os._exit(1)


def _processor_seconds(thread: int) -> float:
    """What a thread has used of the processor; of all threads where the system does not say."""
    if hasattr(time, "pthread_getcpuclockid"):
        return time.clock_gettime(time.pthread_getcpuclockid(thread))
    return time.process_time()


_WATCH = _Watch()
