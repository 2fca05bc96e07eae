"""`kinema embed`: the embeddings of a folder of videos as one file."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..resources import Resources
from ..urls import as_url
from .console import ConsoleEvents, echo, print_json
from .options import (
    STORING,
    ClusterOption,
    DataArgument,
    JsonOption,
    LayoutOption,
    RunArgument,
    with_resources,
)


@with_resources(*STORING)
def command(
    resources: Resources,
    run: RunArgument,
    data: DataArgument,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file to write: .parquet, or .csv.")],
    layout: LayoutOption = "auto",
    cluster: ClusterOption = None,
    json: JsonOption = False,
) -> None:
    """Write the embedding of every video of a folder to a Parquet file, for search and for other programs.

    A name that ends in .csv gives CSV with the same columns, which search does not read.

    Example: kinema embed run videos --out videos.parquet
    """
    from ..workflows.embed import embed_dataset

    with ConsoleEvents() as events:
        result = embed_dataset(
            run, data, out, layout=layout, resources=resources, events=events, cluster=cluster
        )
    quarantined = len(result.quarantined)
    if json:
        print_json(asdict(result) | {"file": as_url(result.file), "quarantined": quarantined})
        return
    echo(
        f"{result.file}: {result.videos} embeddings of {result.dim} values; "
        f"{quarantined} files quarantined, {result.absent} listed but absent"
    )
