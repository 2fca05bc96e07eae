"""Options that several verbs share."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..datasets import LAYOUTS
from ..resources import Resources
from ..weights.hub import look_in
from .console import set_volume

DataArgument = Annotated[
    str, typer.Argument(metavar="DATA", help="Folder of class folders, a CSV, or a known dataset's folder.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a trained run.")]
LayoutOption = Annotated[str, typer.Option(help=f"auto, or one of {', '.join(LAYOUTS)}.")]
SplitOption = Annotated[int, typer.Option(help="Number of the official split, where there are several.")]
RecipeOption = Annotated[str, typer.Option(help="Name of a recipe (see `kinema recipes`) or a .yaml file.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe.")
]
ClusterOption = Annotated[
    str | None,
    typer.Option(metavar="WHERE", help="Machines of Ray that do it: auto, local or ray://HOST:PORT."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]

# The fields of `Resources`: type, default, help, and the default in words where the value does not say it.
_RESOURCES: dict[str, tuple[Any, Any, str, str]] = {
    "weights": (str | None, None, "Folder of pretrained weights, or `none` for seeded random ones.", ""),
    "features": (Path | None, None, "Feature store.", "$KINEMA_FEATURES, else the user's cache folder"),
    "workers": (int | None, None, "Decoding processes.", "by processor and stream"),
    "device": (str, "auto", "auto, cpu, cuda, cuda:N or mps.", ""),
    "precision": (str, "auto", "Of the backbones: auto, fp32, bf16 or int8.", ""),
    "runtime": (str, "auto", "Of the backbones: auto, torch or openvino.", ""),
    "offline": (bool, False, "Never download; KINEMA_OFFLINE=1 says the same.", ""),
}
COMPUTING = ("weights", "device", "precision", "runtime", "offline")
STORING = ("weights", "features", "workers", "device", "precision", "runtime", "offline")


def with_resources(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of `Resources` in `names`; it receives them as its argument `resources`.

    They are checked before the command runs, and so before torch is imported.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            resources = Resources(**{name: given.pop(name) for name in names})
            look_in(resources.folder, offline=resources.offline)
            command(**given, resources=resources)

        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.name != "resources"]
        parameters = [*own, *(_parameter(name) for name in names)]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return decorate


def with_volume(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command -q and -v, which say how much is shown while it works."""

    def run(*, quiet: bool = False, verbose: bool = False, **given: Any) -> None:
        set_volume(quiet, verbose)
        command(**given)

    signature = inspect.signature(command, eval_str=True)
    kinds = {
        "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Show errors and the result only.")],
        "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Show details too.")],
    }
    volume = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in kinds.items()
    ]
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in signature.parameters.values()]
    run.__signature__ = signature.replace(parameters=[*own, *volume])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*own, *volume)}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def _parameter(name: str) -> inspect.Parameter:
    kind, default, text, words = _RESOURCES[name]
    # "--offline" alone: without it typer would offer "--no-offline" too.
    spelling = [f"--{name}"] if kind is bool else []
    option = typer.Option(*spelling, help=text, show_default=words or True)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )
