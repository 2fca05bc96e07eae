"""The recipe as data: its schema, and how one is read."""

from .load import load_recipe, recipe_names
from .schema import (
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
    Temporal,
    Training,
)

__all__ = [
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
    "Temporal",
    "Training",
    "load_recipe",
    "recipe_names",
]
