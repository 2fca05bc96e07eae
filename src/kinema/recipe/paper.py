"""The parameter count that a recipe's paper prints, where it is about exactly this network."""

from typing import Any

from .load import changed, load_recipe, recipe_names
from .schema import Recipe


def paper_count(recipe: Recipe) -> int | None:
    """The paper's trainable parameters, where the architecture is one that the paper counts; else None.

    The counts are those of the shipped recipe of this name, whatever the recipe at hand says of its paper.
    """
    if recipe.name not in recipe_names():
        return None
    shipped = load_recipe(recipe.name)
    for count in shipped.paper.counts if shipped.paper else ():
        if _architecture(recipe) == _architecture(changed(shipped, count.set)):
            return count.trainable_parameters
    return None


def _architecture(recipe: Recipe) -> tuple[Any, ...]:
    """Everything that decides the trained network's layers."""
    streams = {name: (stream.backbones, stream.features) for name, stream in recipe.streams.items()}
    return streams, recipe.encoder, recipe.temporal, recipe.fusion, recipe.classifier, recipe.data.classes
