"""`kinema label`: a page to mark segments of long videos, and several people's labels as one file."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from ..buckets import on_disk
from ..errors import UsageError
from ..resources import Resources
from .checks import check_file, check_output, check_run
from .console import ConsoleEvents, echo, print_json
from .options import STORING, JsonOption, with_resources

PACKAGES = ("fastapi", "uvicorn")


@with_resources(*(name for name in STORING if name != "workers"))
def command(
    resources: Resources,
    data: Annotated[
        list[Path],
        typer.Argument(metavar="DATA", help="Folder of videos, a CSV that names some, or one video."),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="The labels; what is there is gone on with.")],
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A trained run, which proposes.", show_default="no proposals"),
    ] = None,
    annotator: Annotated[
        str, typer.Option(metavar="NAME", help="Who marks; rows of others are shown and left alone.")
    ] = "",
    merge: Annotated[
        bool, typer.Option("--merge", help="DATA are label files of several people: write all to FILE.csv.")
    ] = False,
    port: Annotated[
        int, typer.Option(help="Port of this machine; 0 is any that is free.", min=0, max=65535)
    ] = 8001,
    json: JsonOption = False,
) -> None:
    """Mark segments of long videos on a page in the browser, for `kinema train FILE.csv --task timeline`.

    Each change is written at once. Only this machine can reach the page.

    Example: kinema label videos --out labels.csv
    """
    if out.suffix.lower() != ".csv":
        raise UsageError(f"--out {out} is no .csv; labels are written as CSV, so name it FILE.csv")
    for given in (*data, out):
        on_disk(given, "label what lies on this machine")
    check_output(out, "--out")
    if merge:
        _merge(data, out, run, annotator, json)
        return
    if json:
        raise UsageError("--json has no effect without --merge; add that or leave --json out")
    if len(data) > 1:
        raise UsageError("give one DATA to label; several files are for --merge")
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"labelling needs {', '.join(missing)}; pip install {' '.join(missing)}")
    if run is not None:
        check_run(run)
    from ..serve.server import listen

    with listen("127.0.0.1", port) as listening, ConsoleEvents() as events:
        from ..workflows.label import LabelOptions, label_videos

        options = LabelOptions(run, annotator)
        label_videos(data[0], out, listening, options=options, resources=resources, events=events)


def _merge(files: list[Path], out: Path, run: Path | None, annotator: str, json: bool) -> None:
    if run is not None or annotator:
        raise UsageError("--run and --annotator have no effect with --merge; leave them out")
    if len(files) < 2:
        raise UsageError("give two label files or more to merge")
    for path in files:
        check_file(path)
    with ConsoleEvents() as events:
        from ..workflows.label import merge_labels

        found = merge_labels(files, out, events=events)
    if json:
        print_json({"out": str(out), "videos": found.videos, "rows": found.rows, "warnings": found.warnings})
        return
    for name, count in found.rows.items():
        echo(f"{name}: {count} rows")
    echo(f"{out}: {found.videos} videos")
