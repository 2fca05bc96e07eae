"""`kinema doctor`: what is here, what is missing, and how to get it."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from .console import print_json
from .options import JsonOption, WeightsOption

NAME = "doctor"
HELP = """Check the installation: packages, extras, codecs, processor, weights, folders.

Example: kinema doctor"""


def command(weights: WeightsOption = None, json: JsonOption = False) -> None:
    """See HELP."""
    from ..workflows.doctor import diagnose

    checks = diagnose(weights)
    if json:
        print_json([c.__dict__ if hasattr(c, "__dict__") else c._asdict() for c in checks])
    else:
        console = Console()
        marks = {"ok": "[green]✓[/]", "optional": "[dim]·[/]", "missing": "[red]✗[/]"}
        for check in checks:
            console.print(
                f"{marks[check.state]} {escape(check.name):<28} {escape(check.detail)}", highlight=False
            )
    if any(c.state == "missing" for c in checks):
        raise SystemExit(1)
