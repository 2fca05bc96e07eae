"""Recipe -> recogniser, and its number of parameters."""

from collections.abc import Mapping

import torch
from torch import nn

from ..backbones.table import feature_dim
from ..recipe import Recipe
from .recognizer import JointRecognizer, Recognizer
from .separate import SeparateRecognizer
from .timeline import TimelineRecognizer


def build_recognizer(recipe: Recipe, dims: Mapping[str, int], classes: int) -> Recognizer:
    """The recogniser of a recipe; `dims` gives the feature dimension of each stream, in recipe order."""
    if recipe.timeline is not None:
        return TimelineRecognizer(recipe, dims, classes)
    separate = recipe.training.stages == "separate"
    return (SeparateRecognizer if separate else JointRecognizer)(recipe, dims, classes)


def stream_dims(recipe: Recipe) -> dict[str, int]:
    """Feature dimension of each stream, from the table of backbones alone."""
    return {
        name: sum(feature_dim(backbone, stream.features) for backbone in stream.backbones)
        for name, stream in recipe.streams.items()
    }


def count_parameters(recipe: Recipe) -> int:
    """Trainable parameters of a recipe's recogniser for `data.classes` classes; allocates nothing."""
    with torch.device("meta"):
        return trainable_parameters(build_recognizer(recipe, stream_dims(recipe), recipe.data.classes))


def trainable_parameters(module: nn.Module) -> int:
    """Number of values that training changes."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
