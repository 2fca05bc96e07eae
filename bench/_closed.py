"""A recipe in closed form, fitted on features that are there: what several scripts here compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kinema.model.build import build_recognizer
from kinema.model.items import FeatureItem
from kinema.model.recognizer import JointRecognizer
from kinema.recipe import changed, load_recipe
from kinema.training.closed import fit_closed
from kinema.training.stage import Row


def fitted(
    recipe_name: str, dims: Mapping[str, int], train: Sequence[FeatureItem], *, classes: int, seed: int = 0
) -> tuple[JointRecognizer, Row]:
    """The recipe's model fitted on `train`, and its row of history; `dims` are those of its streams."""
    recipe = changed(load_recipe(recipe_name), {"data.classes": classes, "training.seed": seed})
    model = build_recognizer(recipe, dims, classes)
    assert isinstance(model, JointRecognizer)
    (row,) = fit_closed(model, train)
    return model, row
