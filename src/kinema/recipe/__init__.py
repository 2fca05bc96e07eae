"""The recipe as data: its schema, and how one is read."""

from .load import load_recipe, recipe_names
from .schema import (
    Augment,
    BackboneTraining,
    Classifier,
    Data,
    Encoder,
    Fusion,
    Paper,
    PaperCount,
    Protocol,
    Recipe,
    Schedule,
    StageTraining,
    Stream,
    Temporal,
    Training,
)

__all__ = [
    "Augment",
    "BackboneTraining",
    "Classifier",
    "Data",
    "Encoder",
    "Fusion",
    "Paper",
    "PaperCount",
    "Protocol",
    "Recipe",
    "Schedule",
    "StageTraining",
    "Stream",
    "Temporal",
    "Training",
    "load_recipe",
    "recipe_names",
]
