"""What the command line shows while a workflow runs: steps, a progress bar, epochs. All on stderr."""

import codecs
import io
import json
import sys
from collections.abc import Mapping
from typing import Any, Self

from rich.console import Console
from rich.markup import escape as escape_markup
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..errors import printable
from ..workflows.events import Events


def error_console() -> Console:
    """The console for everything that is not a result."""
    return Console(stderr=True)


def escape(text: str) -> str:
    """Text for a console: nothing in it is markup, and no character of a file's name is obeyed."""
    return escape_markup(printable(text))


def echo(text: str) -> None:
    """A line of a result on stdout, without what a terminal would obey."""
    sys.stdout.write(printable(text) + "\n")


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
    """Shows progress with rich. Use as a context manager, so that the bar is closed."""

    def __init__(self) -> None:
        self.console = error_console()
        self.bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self.task: Any = None

    def __enter__(self) -> Self:
        if self.console.is_interactive:  # elsewhere closing it would print an empty line
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_interactive:
            self.bar.stop()

    def step(self, text: str) -> None:
        self._clear()
        self.console.print(f"[bold cyan]▸[/] {escape(text)}", soft_wrap=True, highlight=False)

    def progress(self, done: int, total: int) -> None:
        if self.task is None:
            self.task = self.bar.add_task("", total=total)
        self.bar.update(self.task, completed=done, total=total)

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        """Move the bar, with the epoch's loss and accuracy beside it."""
        self.progress(int(row["epoch"]), epochs)
        prefix = "val" if "val_loss" in row else "train"
        text = f"{prefix} loss {row[f'{prefix}_loss']:.3f}  accuracy {row[f'{prefix}_accuracy']:.3f}"
        self.bar.update(self.task, description=text)
        if row["epoch"] == epochs:
            self._clear()

    def note(self, text: str) -> None:
        self.console.print(f"  {escape(text)}", soft_wrap=True, highlight=False)

    def warn(self, text: str) -> None:
        self.console.print(f"[yellow]![/] {escape(text)}", soft_wrap=True, highlight=False)

    def _clear(self) -> None:
        if self.task is not None:
            self.bar.remove_task(self.task)
            self.task = None
