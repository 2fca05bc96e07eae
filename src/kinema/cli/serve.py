"""`kinema serve`: a run behind HTTP and a page in the browser."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from ..buckets import on_disk
from ..errors import UsageError
from ..resources import Resources, cores
from .checks import check_file, check_run
from .console import ConsoleEvents
from .options import COMPUTING, RunArgument, with_resources

PACKAGES = ("fastapi", "uvicorn", "python_multipart", "websockets", "prometheus_client")


@with_resources(*COMPUTING)
def command(
    resources: Resources,
    run: RunArgument,
    host: Annotated[
        str, typer.Option(help="Address to listen at; others than loopback need a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen at; 0 is any that is free.", min=0, max=65535)
    ] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            help="What clients must show, 16 characters or more.",
            envvar="KINEMA_TOKEN",
            show_envvar=False,
            show_default="$KINEMA_TOKEN, else none",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name that the server is asked for by (may be given again)."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Let clients name files below this folder.", show_default="none may be named"
        ),
    ] = None,
    embeddings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Parquet file of `kinema embed` to search in.", show_default="no search"
        ),
    ] = None,
    detector: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of `kinema anomaly fit`.", show_default="no anomaly scores"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Requests, and decoding processes, at one time.", min=1, show_default="as processors"
        ),
    ] = None,
    waiting: Annotated[int, typer.Option(help="Requests that may wait; others get 429.", min=1)] = 32,
    max_upload: Annotated[float, typer.Option(metavar="MB", help="Largest upload.", min=0.1)] = 256.0,
    max_length: Annotated[float, typer.Option(metavar="SECONDS", help="Longest video.", min=1.0)] = 600.0,
    max_frame: Annotated[float, typer.Option(metavar="MEGAPIXELS", help="Largest frame.", min=0.01)] = 10.0,
    max_work: Annotated[
        float, typer.Option(metavar="SECONDS", help="Longest work on one request.", min=1.0)
    ] = 300.0,
    max_memory: Annotated[
        float, typer.Option(metavar="MB", help="What decoding one video may take.", min=64.0)
    ] = 1024.0,
    webcams: Annotated[int, typer.Option(help="Webcams at one time.", min=1)] = 2,
) -> None:
    """Serve a run to browsers and programs: a page at /, an API described at /docs.

    Uploads are decoded in processes of their own, bounded in memory and time. Ctrl-C lets what has begun
    finish; a second one does not.

    Example: kinema serve run --port 8000
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"serving needs {', '.join(missing)}; pip install {' '.join(missing).replace('_', '-')}"
        )
    check_run(run)
    _check_offers(root, embeddings)
    from ..serve.guard import access_for
    from ..serve.limits import Limits
    from ..serve.server import listen

    access = access_for(host, token, tuple(allow_host or ()))
    limits = Limits(max_upload, max_length, max_frame, max_work, max_memory, waiting, webcams)
    with listen(host, port) as listening, ConsoleEvents() as events:
        from ..workflows.serve import Offers, ServeOptions, serve_run

        offers = Offers(detector, embeddings, root)
        options = ServeOptions(access, limits, offers, workers or cores())
        serve_run(run, listening, options=options, resources=resources, events=events)


def _check_offers(root: Path | None, embeddings: Path | None) -> None:
    if root is not None and not on_disk(root, "name a folder of this machine with --root").is_dir():
        raise UsageError(f"--root {root} is not a folder; name one that is there")
    if embeddings is not None:
        check_file(embeddings)
