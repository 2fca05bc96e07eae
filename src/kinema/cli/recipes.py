"""`kinema recipes`: the list, or one recipe resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..errors import UsageError
from ..shipped import recipe_list
from .console import print_json, writes_utf8
from .options import JsonOption, SetOption

if TYPE_CHECKING:
    from ..recipe import Recipe


def command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Recipe name or .yaml file.")] = None,
    set_: SetOption = None,
    cite: Annotated[
        bool, typer.Option("--cite", help="Print the BibTeX entry of the recipe's paper instead.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """List the recipes, or show one resolved, with its trainable parameters and the paper's.

    Example: kinema recipes vgg16-lstm --set data.classes=6 --set temporal.units=360 --json
    """
    if name is None:
        if cite:
            raise UsageError("--cite needs a recipe: kinema recipes NAME --cite")
        _list(json)
        return
    from ..recipe import derived_count, load_recipe, paper_count

    recipe = load_recipe(name, set_ or ())
    if cite:
        _cite(recipe)
        return
    from ..model.build import count_parameters

    facts = recipe.model_dump(mode="json") | {
        "trainable_parameters": count_parameters(recipe),
        "paper_trainable_parameters": paper_count(recipe),
        "derived_trainable_parameters": derived_count(recipe),
    }
    if json:
        print_json(facts)
        return
    # Not through a console, which would break lines at the terminal's width and so change the YAML.
    # Its file is read as UTF-8, whatever stdout's encoding.
    typer.echo(recipe.to_yaml(ascii_only=not writes_utf8()), nl=False)
    typer.echo(f"# trainable parameters: {facts['trainable_parameters']:,}")
    if facts["paper_trainable_parameters"]:
        typer.echo(f"# the paper's count:    {facts['paper_trainable_parameters']:,}")
    if facts["derived_trainable_parameters"]:
        count = facts["derived_trainable_parameters"]
        typer.echo(f"# our derivation:       {count:,} (from the layers; the paper prints no count)")


def _cite(recipe: Recipe) -> None:
    from ..recipe import bibtex

    entry = bibtex(recipe)
    if entry is None:
        raise UsageError(f"recipe {recipe.name} names no paper; cite Kinema itself, see docs/citation.md")
    typer.echo(entry, nl=False)


def _list(json: bool) -> None:
    recipes = recipe_list()
    if json:
        print_json(recipes)
        return
    table = Table("recipe", "what it is", box=None, header_style="bold")
    for recipe in recipes:
        table.add_row(f"[bold cyan]{recipe['name']}[/]", recipe["summary"])
    Console().print(table)
