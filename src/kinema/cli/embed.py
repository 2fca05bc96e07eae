"""`kinema embed`: the embeddings of a folder of videos as one Parquet file."""

from pathlib import Path
from typing import Annotated

import typer

from ..resources import Resources
from .console import ConsoleEvents, print_json
from .options import STORING, DataArgument, JsonOption, LayoutOption, RunArgument, with_resources

NAME = "embed"
HELP = """Write the embedding of every video of a folder to a Parquet file, for search and for other programs.

Example: kinema embed run videos --out videos.parquet"""


@with_resources(*STORING)
def command(
    run: RunArgument,
    data: DataArgument,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The Parquet file to write.")],
    layout: LayoutOption = "auto",
    json: JsonOption = False,
    *,
    resources: Resources,
) -> None:
    """See HELP."""
    from ..workflows.embed import embed_dataset

    with ConsoleEvents() as events:
        result = embed_dataset(run, data, out, layout=layout, resources=resources, events=events)
    facts = {
        "file": str(result.file),
        "videos": result.videos,
        "dim": result.dim,
        "fingerprint": result.fingerprint,
        "quarantined": len(result.quarantined),
        "absent": result.absent,
    }
    if json:
        print_json(facts)
        return
    typer.echo(
        f"{result.file}: {result.videos} embeddings of {result.dim} values; "
        f"{len(result.quarantined)} files quarantined, {result.absent} listed but absent"
    )
