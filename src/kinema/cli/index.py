"""`kinema index`: an approximate index beside a file of embeddings."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..buckets import on_disk
from .console import ConsoleEvents, echo, print_json
from .options import JsonOption


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Parquet file made by `kinema embed`.")],
    json: JsonOption = False,
) -> None:
    """Make the index that search --approximate uses, and measure how much of the exact answer it finds.

    Worth its while from some hundred thousand embeddings on. Needs pip install 'kinema[index]'.

    Example: kinema index videos.parquet
    """
    from ..inference.index import NEAREST, build_index, index_folder

    on_disk(file, "an index is read where it lies; copy the file to this machine first")
    with ConsoleEvents() as events:
        events.step(f"indexing {file}")
        facts = build_index(file, events.progress)
    if json:
        print_json(asdict(facts))
        return
    echo(
        f"{index_folder(file)}: {facts.rows} embeddings; a search looks into {facts.probes} of {facts.lists} "
        f"lists and finds {facts.recall:.1%} of the {NEAREST} nearest (asked for {facts.queries} of the file)"
    )
