"""The recipe as data: its schema, and how one is read."""

from ..shipped import recipe_names
from .cite import bibtex
from .explain import did_you_mean, explain
from .load import changed, derived_count, load_recipe, paper_count, resolve
from .schema import (
    BackboneTraining,
    Classifier,
    Mix,
    Protocol,
    Recipe,
    Schedule,
    StageTraining,
    Training,
)
from .timeline import Timeline

__all__ = [
    "BackboneTraining",
    "Classifier",
    "Mix",
    "Protocol",
    "Recipe",
    "Schedule",
    "StageTraining",
    "Timeline",
    "Training",
    "bibtex",
    "changed",
    "derived_count",
    "did_you_mean",
    "explain",
    "load_recipe",
    "paper_count",
    "recipe_names",
    "resolve",
]
