"""`kinema export`: a run as files for programs without Kinema."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..portable.call import check_format, check_out
from ..resources import Resources
from .checks import check_run
from .console import ConsoleEvents, print_json
from .options import JsonOption, RunArgument, with_resources


@with_resources("weights", "offline")
def command(
    resources: Resources,
    run: RunArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write.")],
    format: Annotated[str, typer.Option(help="onnx, openvino or torch (TorchScript).")] = "onnx",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export in DIR.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a run's networks as files that other programs run, with all they need to know in export.json.

    Example: kinema export run --format onnx --out exported
    """
    check_run(run)
    check_format(format)
    check_out(out, overwrite)
    from ..workflows.export import export_run

    with ConsoleEvents() as events:
        result = export_run(run, out, format=format, overwrite=overwrite, resources=resources, events=events)
    if json:
        print_json(asdict(result) | {"folder": str(result.folder)})
    else:
        typer.echo(f"{result.folder}: {', '.join(result.files)}")
