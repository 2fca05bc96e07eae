"""`kinema embed`: the embeddings of a folder of videos as one Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import ConsoleEvents, print_json
from .options import (
    DataArgument,
    DeviceOption,
    FeaturesOption,
    JsonOption,
    LayoutOption,
    RunArgument,
    WeightsOption,
    WorkersOption,
)

NAME = "embed"
HELP = """Write the embedding of every video of a folder to a Parquet file, for search and for other programs.

Example: kinema embed run videos --out videos.parquet"""


def command(
    run: RunArgument,
    data: DataArgument,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The Parquet file to write.")],
    layout: LayoutOption = "auto",
    weights: WeightsOption = None,
    features: FeaturesOption = None,
    workers: WorkersOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """See HELP."""
    from ..workflows.embed import embed_dataset

    with ConsoleEvents() as events:
        result = embed_dataset(
            run,
            data,
            out,
            layout=layout,
            weights=weights,
            features=features,
            workers=workers,
            device=device,
            events=events,
        )
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
