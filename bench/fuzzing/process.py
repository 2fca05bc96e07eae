"""A verb as a user runs it: a process of its own, watched for time, memory and what it prints."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended; `status` is None where it was stopped for taking too long. `peak` in bytes."""

    status: int | None
    out: str
    err: str
    peak: int
    seconds: float

    @property
    def tracebacks(self) -> int:
        """How many were printed, by the process or its workers."""
        return (self.out + self.err).count("Traceback (most recent call last)")

    @property
    def raw(self) -> bool:
        """Whether a control character that a terminal would obey came through."""
        return any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 for c in self.out + self.err)


def kinema(arguments: Sequence[str | Path], *, seconds: float) -> Ended:
    """Run `kinema` with these arguments for at most `seconds`."""
    command = [sys.executable, "-m", "kinema.cli.app", *map(str, arguments)]
    started = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        watch = _Watch(process.pid)
        watch.start()
        status: int | None
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
            _kill(process)
        watch.stop.set()
        watch.join()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    return Ended(status, *texts, watch.peak, time.monotonic() - started)


class _Watch(threading.Thread):
    """Samples the resident memory of a process and all below it, five times a second."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid, self.peak, self.stop = pid, 0, threading.Event()

    def run(self) -> None:
        while not self.stop.wait(0.2):
            self.peak = max(self.peak, sum(map(_resident, _tree(self.pid))))


def _tree(pid: int) -> list[psutil.Process]:
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def _kill(process: subprocess.Popen[bytes]) -> None:
    for one in reversed(_tree(process.pid)):
        one.kill()
    process.wait()
