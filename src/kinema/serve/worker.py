"""The process in which files of strangers are decoded: bounded in memory, without torch, and replaceable.

It is started as `python -m kinema.serve.worker PIPE MEMORY PARENT`, as the workers of extraction are, and
ends with the server.
"""

import sys
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..errors import KinemaError
from ..extraction.child import PIPE_GONE, decoding_main
from ..extraction.inline import messages_of
from ..extraction.messages import Finished, Message, Ready
from ..extraction.slots import ClipSender
from ..inference.windows import window_messages, windows_of
from ..media.container import reason
from ..media.seek import FrameSeeker
from ..report.film_strips import film_strip
from ..streams.base import Task, Tools
from ..types import Clip
from .bounded import BoundedFile, TooLarge, check_size
from .limits import Limits
from .messages import (
    Along,
    Beyond,
    Counted,
    Drawn,
    Ended,
    Found,
    Job,
    Look,
    Of,
    Opening,
    Picture,
    Preview,
    Seen,
    Shown,
    Still,
    Strip,
    Times,
    Whole,
)
from .pictures import read_picture, write_preview, written_picture

STRIP_HEIGHT = 108
# Spools and previews: what a process may write to one file.
LARGEST_FILE = 8 << 30


class Worker:
    """Answers jobs until the pipe closes. Errors but those of a file are bugs, and end the process."""

    def __init__(self, connection: Connection, memory: int):
        self.sender = ClipSender(connection, memory)
        opening: Opening = self.sender.receive()
        self.streams, self.limits = opening.streams, opening.limits
        tempfile.tempdir = str(opening.scratch)
        self.tools = Tools(opening.resources)
        self.seekers = Seekers(opening.limits)
        for stream in self.streams.values():
            for method in stream.flow_methods:
                self.tools.flow(*method)
        bound_memory(self.limits.memory_bytes)
        self.sender.send(Ready())

    def serve(self) -> None:
        """Answer each job by what it asks for and its end."""
        while True:
            job: Job = self.sender.receive()
            try:
                for message in self._answer(job):
                    self.sender.send(message)
                self.sender.send(Finished())
            except PIPE_GONE:
                raise
            except KinemaError as error:
                if isinstance(error, TooLarge):
                    self.sender.send(Beyond())
                self.sender.send(Finished(error=str(error)))
            except (OSError, MemoryError, ValueError, ArithmeticError) as error:
                self.sender.send(Finished(error=f"the file cannot be decoded ({reason(error)}); replace it"))

    def _answer(self, job: Job) -> Iterator[Any]:
        if isinstance(job, Picture):
            yield Clip(0.0, (read_picture(job.data, self.limits),))
            return
        video = BoundedFile(str(job.path), self.limits)
        match job:
            case Look():
                yield Seen(self.seekers.open(job.path).shape())
            case Still():
                seconds, picture = self.seekers.open(job.path).at(job.seconds)
                yield Shown(seconds, written_picture(picture, job.lines))
            case Times():
                yield Counted(tuple(self.seekers.open(job.path).times(job.start, job.end)))
            case Whole():
                for name, stream in self.streams.items():
                    messages = messages_of(stream, video, Task(), self.tools)
                    yield from _labelled(name, ((0, message) for message in messages))
            case Along():
                yield from self._windows(video, job)
            case Strip():
                video.times()  # and with them the limits
                yield Drawn(film_strip(job.path, job.times, STRIP_HEIGHT))
            case Preview():
                write_preview(video, job.out)

    def _windows(self, video: BoundedFile, job: Along) -> Iterator[Any]:
        windows = windows_of(video.times(), job.window_seconds, job.stride_seconds)
        yield Found(windows)
        runs = {
            name: _labelled(name, window_messages(stream, video, windows, self.tools))
            for name, stream in self.streams.items()
        }
        yield from _in_step(runs, len(windows))


class Seekers:
    """The files whose frames were asked for last, kept open: the next frame is most often near."""

    MOST = 2

    def __init__(self, limits: Limits):
        self.limits = limits
        self._open: OrderedDict[Path, FrameSeeker] = OrderedDict()

    def open(self, path: Path) -> FrameSeeker:
        """Raises `MediaError`, and `TooLarge` for pictures beyond the limit."""
        if path not in self._open:
            self._open[path] = FrameSeeker(path)
        self._open.move_to_end(path)
        while len(self._open) > self.MOST:
            self._open.popitem(last=False)[1].close()
        check_size(path.name, *self._open[path].size, self.limits)
        return self._open[path]


def _labelled(stream: str, messages: Iterator[tuple[int, Message]]) -> Iterator[Any]:
    """Messages of one stream, each after the name of what it is of where that changes."""
    last: int | None = None
    for number, message in messages:
        if number != last:
            yield Of(stream, number)
            last = number
        yield message if isinstance(message, Clip) else Ended()


def _in_step(runs: Mapping[str, Iterator[Any]], windows: int) -> Iterator[Any]:
    """All streams window by window, so that none is a film ahead of another and is waited for in memory."""
    ended = dict.fromkeys(runs, 0)
    for number in range(windows):
        for name, run in runs.items():
            while ended[name] <= number and (message := next(run, None)) is not None:
                ended[name] += isinstance(message, Ended)
                yield message
    for run in runs.values():
        yield from run


def bound_memory(allowance: int) -> None:
    """From here on this process may take `allowance` bytes more; what it has by now is its own.

    Windows has no such bound, and macOS does not keep it.
    """
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + allowance
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def serve(connection: Connection, memory: int) -> None:
    """Answer the server until it is gone."""
    Worker(connection, memory).serve()


if __name__ == "__main__":
    decoding_main(serve)
