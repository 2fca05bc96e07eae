"""From what the caller names to a resolved recipe, without torch."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..backbones.libraries.entry import PUBLISHED, STANDS_FOR_PUBLISHED, library_of
from ..recipe import Recipe, changed, load_recipe
from ..resources import Resources
from ..streams import StreamSettings
from ..weights.hub import look_in


def resolve(
    recipe: str | Path | Mapping[str, Any] | Recipe, overrides: Iterable[str], resources: Resources
) -> Recipe:
    """The recipe with overrides applied; `weights="none"` asks for random values in every stream.

    What the recipe leaves to training is decided here, so that the run's config.yaml says it: features are
    standardised where they are a random projection, nothing loaded and nothing trained.
    """
    look_in(resources.folder, offline=resources.offline)  # a model's configuration says what it takes
    resolved = load_recipe(recipe, overrides)
    if resources.random:
        random = {n: s.without_weights() for n, s in resolved.streams.items()}
        resolved = changed(
            resolved,
            {f"streams.{n}.{key}": value for n, keys in random.items() for key, value in keys.items()},
        )
    resolved = changed(
        resolved,
        {f"streams.{n}.weights": PUBLISHED for n, s in resolved.streams.items() if _names_its_weights(s)},
    )
    open_ones = {n: s for n, s in resolved.streams.items() if s.standardize is None}
    return changed(
        resolved,
        {f"streams.{n}.standardize": s.weights == "none" and s.can_standardize for n, s in open_ones.items()},
    )


def _names_its_weights(stream: StreamSettings) -> bool:
    """Whether `weights` is left over from a backbone that models of libraries have replaced."""
    return stream.weights in STANDS_FOR_PUBLISHED and all(library_of(name) for name in stream.backbones)
