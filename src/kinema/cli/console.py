"""What the command line shows while a workflow runs: steps, a progress bar, epochs. All on stderr."""

import codecs
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Token
from typing import Any, Self

from rich.console import Console
from rich.markup import escape as escape_markup
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..backbones.tell import LISTENER
from ..errors import UsageError, printable
from ..urls import with_urls
from ..weights.find import DOWNLOADS
from ..workflows.events import Events, duration, megabytes
from . import signals

QUIET, NORMAL, DETAILED = -1, 0, 1
LOG_SECONDS = 60.0

_volume = NORMAL


def set_volume(quiet: bool, verbose: bool) -> None:
    """How much is shown from now on: errors and results only, or details too."""
    global _volume
    if quiet and verbose:
        raise UsageError("-q and -v contradict each other; give one of them")
    _volume = QUIET if quiet else DETAILED if verbose else NORMAL


def error_console() -> Console:
    """The console for everything that is not a result."""
    return Console(stderr=True)


def escape(text: str) -> str:
    """Text for a console: nothing in it is markup, and no character of a file's name is obeyed."""
    return escape_markup(printable(text))


def echo(text: str, *, flush: bool = False) -> None:
    """A line of a result on stdout, without what a terminal would obey; `flush` where one waits for it."""
    sys.stdout.write(printable(text) + "\n")
    if flush:
        sys.stdout.flush()


def print_line(value: Any) -> None:
    """One line of JSON on stdout, at once, for results that do not end. ASCII, and strictly valid."""
    sys.stdout.write(json.dumps(value, allow_nan=False) + "\n")
    sys.stdout.flush()


def print_json(value: Any) -> None:
    """A result for machines, on stdout: one JSON document, strictly valid (no NaN).

    Control characters, and what stdout's encoding has no letter for, are written as JSON's escapes.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    if not can_print(text):
        text = json.dumps(value, indent=2, allow_nan=False)
    # JSON escapes the first 32 control characters alone.
    sys.stdout.write("".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text) + "\n")


def can_print(text: str) -> bool:
    """Whether stdout's encoding has every letter of `text`."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def writes_utf8() -> bool:
    """Whether what is printed is UTF-8."""
    return codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8"


def tolerate_encoding() -> None:
    """Print `?` for a letter that stdout or stderr has no code for (cp1252, ASCII), instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


class ConsoleEvents(Events):
    """Shows what a verb does: a bar on a terminal and in a notebook, a line a minute in a log.

    Pass it as `events=`. As a context manager it closes the bar after an error too, and shows downloads.
    """

    def __init__(
        self,
        volume: int | None = None,
        *,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.volume = _volume if volume is None else volume
        self.console = console or error_console()
        self.live = self.console.is_interactive or self.console.is_jupyter
        # rich would send a redirected stdout to the terminal as well.
        self.bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        )
        self.task: Any = None
        self.clock = clock
        self._said = clock()
        self._base: tuple[float, int] | None = None  # when the work was first told of, and how far it was
        self._beside = ""
        self._fetching = ""
        self._token: Token[Any] | None = None
        self._listener: Token[Any] | None = None

    def __enter__(self) -> Self:
        self._token = DOWNLOADS.set(self.download)
        self._listener = LISTENER.set(self.note)
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()
        if self._token is not None:
            DOWNLOADS.reset(self._token)
        if self._listener is not None:
            LISTENER.reset(self._listener)

    def step(self, text: str) -> None:
        signals.check()
        self._clear()
        self._print(f"[bold cyan]▸[/] {escape(text)}")

    def progress(self, done: int, total: int) -> None:
        signals.check()
        if self.volume == QUIET:
            return
        if not self.live:
            self._log(done, total)
        else:
            self._move(done, total)
        if total and done >= total:
            self._clear()

    def beside(self, text: str) -> None:
        self._beside = text

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        """Move the bar, with the epoch's loss and accuracy beside it."""
        prefix = "val" if "val_loss" in row else "train"
        text = f"{prefix} loss {row[f'{prefix}_loss']:.3f}  accuracy {row[f'{prefix}_accuracy']:.3f}"
        self.detail(f"{row['stage']}: epoch {row['epoch']} of {epochs}, {text}, {row['seconds']:.1f} s")
        self._beside = text
        self.progress(int(row["epoch"]), epochs)

    def download(self, name: str, done: int, total: int) -> None:
        """A file of weights is being fetched: bytes here, bytes in all."""
        if name != self._fetching:
            self.step(f"fetching {name}" + (f" ({megabytes(total)})" if total else ""))
            self._fetching = name
        if total:
            self._beside = "MB"
            self.progress(done // 1_000_000, max(total // 1_000_000, 1))

    def note(self, text: str) -> None:
        self._print(f"  {escape(text)}")

    def detail(self, text: str) -> None:
        self._print(f"  [dim]{escape(text)}[/]", DETAILED)

    def warn(self, text: str) -> None:
        self._print(f"[yellow]![/] {escape(text)}")

    def fault(self, text: str) -> None:
        """What failed, of which the error at the end only gives the number."""
        self._print(f"[yellow]![/] {escape(text)}", QUIET)

    def result(self, text: str) -> None:
        """What the verb is for."""
        self._print(f"  {escape(text)}", QUIET)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """The bar is away meanwhile, so that results can be written to the same terminal."""
        shown = self.task is not None
        if shown:
            self.bar.stop()
        yield
        if shown:
            self.bar.start()

    def _print(self, text: str, least: int = NORMAL) -> None:
        if self.volume >= least:
            self.console.print(with_urls(text), soft_wrap=True, highlight=False)

    def _move(self, done: int, total: int) -> None:
        if self.task is None:
            self.task = self.bar.add_task(self._beside, total=total, completed=done)
            self.bar.start()
        self.bar.update(self.task, completed=done, total=total, description=self._beside)

    def _log(self, done: int, total: int) -> None:
        """A line where the last one is a minute old, with the time to go at the pace so far."""
        now = self.clock()
        started, before = self._base = self._base or (now, done)
        if now - self._said < LOG_SECONDS:
            return
        self._said = now
        pace = (now - started) / (done - before) if done > before else None
        left = f", about {duration(pace * (total - done))} to go" if pace is not None else ""
        beside = f" ({self._beside})" if self._beside else ""
        self._print(f"  {done} of {total}{beside}{left}")

    def _clear(self) -> None:
        self._said, self._base, self._beside = self.clock(), None, ""
        if self.task is not None:
            self.bar.remove_task(self.task)
            self.bar.stop()
            self.task = None
