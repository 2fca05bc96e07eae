"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataArgument = Annotated[
    str, typer.Argument(metavar="DATA", help="Folder of class folders, a CSV, or a known dataset's folder.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a trained run.")]
LayoutOption = Annotated[
    str, typer.Option(help="auto, folder, csv, ucf101, hmdb51, kth, kth_files or ucf11.")
]
SplitOption = Annotated[int, typer.Option(help="Number of the official split, where there are several.")]
RecipeOption = Annotated[str, typer.Option(help="Name of a recipe (see `kinema recipes`) or a .yaml file.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe.")
]
WeightsOption = Annotated[
    str | None, typer.Option(help="Folder of pretrained weights, or `none` for seeded random ones.")
]
FeaturesOption = Annotated[
    Path | None, typer.Option(help="Feature store [default: $KINEMA_FEATURES or ~/.cache/kinema/features].")
]
WorkersOption = Annotated[int | None, typer.Option(help="Decoding processes [default: by processor].", min=1)]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
