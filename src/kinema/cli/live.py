"""`kinema live`: what is going on in front of a camera, in a stream, or in a file at its own speed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..resources import Resources
from . import signals
from .checks import check_output, check_run
from .console import ConsoleEvents, echo, print_line
from .options import COMPUTING, JsonOption, RunArgument, with_resources

if TYPE_CHECKING:
    from ..live.decision import Decision
    from ..live.timeline import Moment

SourceArgument = Annotated[
    str,
    typer.Argument(metavar="SOURCE", help="A camera's number, a file, or a URL of rtsp:// or http://."),
]
ForgetOption = Annotated[
    str,
    typer.Option(
        metavar="RULE",
        help="How the past is forgotten: auto, reset (carried state), window, or never.",
    ),
]
HorizonOption = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="How far back a decision looks.", min=0.1)
]
SmoothOption = Annotated[
    float, typer.Option(metavar="SECONDS", help="Time constant of the smoothing; 0 for none.", min=0.0)
]
MaxDelayOption = Annotated[
    float,
    typer.Option(metavar="SECONDS", help="How long frames may wait before some are dropped.", min=0.0),
]
LoopOption = Annotated[bool, typer.Option("--loop", help="Play a file again and again.")]
TOP = 3


@with_resources(*COMPUTING)
def command(
    resources: Resources,
    run: RunArgument,
    source: SourceArgument,
    forget: ForgetOption = "auto",
    horizon: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="How far back a decision looks.", show_default="2, or 4 steps", min=0.1
        ),
    ] = None,
    smooth: SmoothOption = 0.25,
    margin: Annotated[
        float,
        typer.Option(help="By how much another class must lead to replace an answer.", min=0.0, max=1.0),
    ] = 0.1,
    risk: Annotated[
        float | None,
        typer.Option(
            help="Answer unknown where no class is likely: the share of known videos that may be refused.",
            show_default="0.05, where the run can bound it",
            min=0.0,
            max=1.0,
        ),
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Answer unknown where the best score is lower.", min=0.0, max=1.0)
    ] = None,
    max_delay: MaxDelayOption = 1.0,
    loop: LoopOption = False,
    top: Annotated[int, typer.Option(help="How many classes a JSON line names.", min=1)] = TOP,
    annotate: Annotated[
        Path | None, typer.Option(metavar="FILE.mp4", help="Write the frames with the answer on them.")
    ] = None,
    window: Annotated[
        bool, typer.Option("--window", help="Show the frames with the answer on them.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Say what is going on, as it goes on: a line when that changes, or with --json one for every decision.

    A run of --task timeline says when segments open, are reported and close, which may overlap.

    It ends with the source, or with Ctrl-C; a summary follows. A stream that is lost is tried again.

    Example: kinema live run rtsp://camera.local/stream --json
    """
    if risk is not None and min_score is not None:
        raise UsageError("--risk and --min-score both say when to answer unknown; give one of them")
    check_run(run)
    given = check_source(source, loop, forget)
    if annotate is not None:
        from ..inference.annotate import check_ending

        check_ending(annotate)
        check_output(annotate, "--annotate", *([Path(source)] if Path(source).is_file() else []))
    display = None
    if window:
        from ..live.display import Window

        display = Window(f"kinema live {given.name}")
    from ..live.smoothing import Smoothing
    from ..workflows.live import LiveOptions, now, recognise

    options = LiveOptions(
        rule=forget,  # type: ignore[arg-type]  # checked above
        horizon_seconds=horizon,
        max_delay=max_delay,
        smoothing=Smoothing(smooth, margin),
        risk=risk,
        min_score=min_score,
    )

    def report(decision: Decision | Moment, delay: float) -> None:
        if json:
            for facts in decision.json_lines(top):
                print_line({"time": now(), **facts, "delay": round(delay, 4)})
        else:
            for text in decision.said():
                echo(text, flush=True)

    with ConsoleEvents() as events, signals.asked_to_stop() as stop:
        recognise(
            run,
            given,
            report,
            options=options,
            annotate=annotate,
            display=display,
            resources=resources,
            events=events,
            stop=stop,
        )


def check_source(text: str, loop: bool, forget: str) -> Any:
    """The source, from which a frame was had. Raises `UsageError` ahead of torch."""
    rules = ("auto", "reset", "window", "never")
    if forget not in rules:
        raise UsageError(f"unknown --forget '{forget}'; use {', '.join(rules[:-1])} or {rules[-1]}")
    from ..live.source import source_of

    source = source_of(text, loop=loop)
    source.check()
    return source
