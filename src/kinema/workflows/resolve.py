"""From what the caller names to a resolved recipe and its assembled streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..pipeline import StreamParts, assemble_streams
from ..recipe import Recipe, Stream, load_recipe


def resolve(
    recipe: str | Path | Mapping[str, Any] | Recipe, overrides: Iterable[str], weights: str | Path | None
) -> Recipe:
    """The recipe with overrides applied; `weights="none"` asks for random values in every stream.

    What the recipe leaves to training is decided here, so that the run's config.yaml says it.
    """
    resolved = load_recipe(recipe, overrides)
    if str(weights) == "none":
        random = [f"streams.{name}.weights=none" for name in resolved.streams]
        random += [f"streams.{n}.flow_weights=none" for n, s in resolved.streams.items() if s.method]
        resolved = load_recipe(resolved, random)
    undecided = {n: s for n, s in resolved.streams.items() if s.standardize is None}
    decided = [f"streams.{n}.standardize={str(_random(s)).lower()}" for n, s in undecided.items()]
    return load_recipe(resolved, decided)


def _random(stream: Stream) -> bool:
    """Whether a stream's features are a random projection: nothing loaded, nothing trained."""
    return stream.weights == "none" and stream.can_standardize


def assemble(recipe: Recipe, weights: str | Path | None, download: bool = True) -> dict[str, StreamParts]:
    """The streams of a resolved recipe; `weights` is a folder, `none`, or None for the usual places."""
    folder = None if weights is None or str(weights) == "none" else weights
    return assemble_streams(recipe, weights_dir=folder, download=download)
