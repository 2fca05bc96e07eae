"""The program `kinema`: one verb a job."""

import gc
import sys
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from .. import __version__
from ..errors import KinemaError, UsageError
from . import (
    anomaly,
    backbones,
    demo,
    doctor,
    embed,
    evaluate,
    export,
    extract,
    flow,
    index,
    label,
    live,
    predict,
    recipes,
    scan,
    search,
    serve,
    signals,
    study,
    train,
)
from .console import error_console, tolerate_encoding
from .options import with_volume


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"kinema {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="kinema",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
VERBS = (
    demo, scan, recipes, backbones, extract, train, evaluate, study, predict, label, live, serve, flow, embed,
    index, search, export, doctor
)  # fmt: skip
for verb in VERBS:
    app.command(name=verb.__name__.rpartition(".")[2])(with_volume(verb.command))
app.add_typer(anomaly.app)


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Human action recognition in video with CNN + RNN models."""


def main() -> None:
    """Run; errors that a user can cause become one line and exit code 1 (work failed) or 2 (wrong call)."""
    tolerate_encoding()
    signals.watch()
    # Records by the hundred thousand hold no cycles: to look for some took a third of the time to list them.
    gc.set_threshold(100_000, 20, 20)
    try:
        app()
    except SystemExit as stop:
        if stop.code != signals.INTERRUPTED:
            raise
        _stop()
    except (KinemaError, OSError) as error:
        if signals.came():  # the error is what a library made of the interruption
            _stop()
        _fail(error)


def _stop() -> NoReturn:
    error_console().print("stopped; what was finished is kept, start again to go on", soft_wrap=True)
    signals.leave()


def _fail(error: KinemaError | OSError) -> NoReturn:
    if isinstance(error, KinemaError):
        _show_error(str(error))
        sys.exit(2 if isinstance(error, UsageError) else 1)
    # A full disk or a lost folder, wherever it occurs.
    where = f" ({error.filename})" if error.filename else ""
    _show_error(f"{error.strerror or error}{where}; free space or choose another folder")
    sys.exit(1)


def _show_error(text: str) -> None:
    line = Text.assemble(("error:", "bold red"), " ", text)
    error_console().print(line, soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
