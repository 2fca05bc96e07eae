"""The recipe as data: its schema, and how one is read."""

from .load import changed, load_recipe, recipe_names
from .paper import paper_count
from .schema import Augment, BackboneTraining, Classifier, Protocol, Recipe, Schedule, Stream, Training

__all__ = [
    "Augment",
    "BackboneTraining",
    "Classifier",
    "Protocol",
    "Recipe",
    "Schedule",
    "Stream",
    "Training",
    "changed",
    "load_recipe",
    "paper_count",
    "recipe_names",
]
