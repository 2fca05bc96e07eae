"""`kinema doctor`: what is here, what is missing, and how to get it."""

from rich.console import Console
from rich.markup import escape

from ..resources import Resources
from .console import can_print, print_json
from .options import JsonOption, with_resources


@with_resources("weights", "device", "precision", "runtime")
def command(resources: Resources, json: JsonOption = False) -> None:
    """Check the installation: packages, extras, codecs, processor, weights, folders.

    `features` says what would compute them here with these options, and why.

    Example: kinema doctor
    """
    from ..workflows.doctor import diagnose

    checks = diagnose(resources)
    if json:
        print_json([c._asdict() for c in checks])
    else:
        console = Console()
        marks = {"ok": "[green]✓[/]", "optional": "[dim]·[/]", "missing": "[red]✗[/]"}
        if not can_print("✓·✗"):
            marks = {"ok": "+", "optional": "-", "missing": "!"}
        for check in checks:
            console.print(
                f"{marks[check.state]} {escape(check.name):<28} {escape(check.detail)}", highlight=False
            )
    if any(c.state == "missing" for c in checks):
        raise SystemExit(1)
