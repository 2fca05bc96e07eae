"""`kinema backbones`: what can be named as a backbone, and what each costs and gives."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..errors import UsageError
from ..resources import Resources
from .console import ConsoleEvents, print_json
from .options import JsonOption, with_resources

SHOWN = 60
MEASURED = 12
# Where the list goes into a file or a pipe: nothing is folded.
WIDTH = 220


@with_resources("device", "precision", "runtime")
def command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Part of the names wanted.")] = None,
    input: Annotated[str | None, typer.Option(help="frame, clip, flow or sound.")] = None,
    measure: Annotated[bool, typer.Option("--measure", help="Steps a second on this machine.")] = False,
    json: JsonOption = False,
    *,
    resources: Resources,
) -> None:
    """List the backbones that a recipe can name, with parameters, GFLOPs a step, accuracy and licence.

    A step is a frame, a clip, a stack of optical flow or a second of sound. Kinema's own come first, then
    those of timm, torchvision and transformers; NAME keeps those whose name holds it.

    Example: kinema backbones timm/mobilenetv4 --input frame --measure
    """
    from ..workflows.backbones import backbones, measured

    found = backbones(name, input)
    rows: list[dict[str, Any]] = [facts.plain() for facts in found]
    if measure:
        if len(found) > MEASURED:
            raise UsageError(
                f"--measure would load {len(found)} backbones; name at most {MEASURED}, "
                "as in `kinema backbones timm/mobilenetv4 --measure`"
            )
        with ConsoleEvents() as events:
            for row, speed in zip(rows, measured([f.name for f in found], resources, events), strict=True):
                row["steps_per_second"] = speed
    if json:
        print_json(rows)
    else:
        _show(rows, measure)


def _show(rows: list[dict[str, Any]], measure: bool) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("backbone", no_wrap=True)  # a name is there to be copied
    heads = ["step", "features", "parameters", "GFLOPs", "accuracy", "licence of the weights"]
    for head in [*heads, *(["steps/s"] if measure else [])]:
        table.add_column(head, overflow="fold")
    for row in rows[:SHOWN]:
        cells = [
            f"[bold cyan]{escape(row['name'])}[/]",
            _step(row),
            str(row["dim"]),
            "" if row["parameters"] is None else f"{row['parameters'] / 1e6:.1f} M",
            "" if row["gflops"] is None else f"{row['gflops']:.3g}",
            "" if row["accuracy"] is None else f"{row['accuracy']:.1f} % {escape(row['measured_on'])}",
            escape(row["licence"]),
        ]
        table.add_row(*cells, *([f"{row['steps_per_second']:.1f}"] if measure else []))
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(table)
    if len(rows) > SHOWN:
        console.print(
            f"and {len(rows) - SHOWN} more; narrow them down, as in `kinema backbones timm/convnext`, "
            "or take --json"
        )


def _step(row: dict[str, Any]) -> str:
    size = f"{row['size'][0]}x{row['size'][1]}" if row["size"] else ""
    length = f"{row['length']}x" if row["length"] else ""
    return f"{row['input']} {length}{size}".strip()
