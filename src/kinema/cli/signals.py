"""SIGTERM ends a verb as Ctrl-C does, and one signal is enough."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # Typer's exit code after Ctrl-C
TERMINATED = 143

_received: int | None = None


def watch() -> None:
    """From now on, both signals raise `KeyboardInterrupt`."""
    global _received
    _received = None
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _received
    _received = number
    raise KeyboardInterrupt


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Meanwhile the first signal raises nothing: the work asks whether one came, and ends in its own way.

    A second one ends it as ever.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        watch()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check() -> None:
    """Raise `KeyboardInterrupt` where a signal came and what it raised was lost, as in a destructor."""
    if _received is not None:
        raise KeyboardInterrupt


def came() -> bool:
    """Whether a signal came."""
    return _received is not None


def leave() -> NoReturn:
    """Exit after an interruption, without waiting for threads that still look at a file."""
    code = TERMINATED if _received == signal.SIGTERM else INTERRUPTED
    if any(not t.daemon and t is not threading.main_thread() for t in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
