"""From what the caller names to a resolved recipe and its assembled streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..pipeline import StreamParts, assemble_streams
from ..recipe import Recipe, load_recipe


def resolve(
    recipe: str | Path | Mapping[str, Any] | Recipe, overrides: Iterable[str], weights: str | Path | None
) -> Recipe:
    """The recipe with overrides applied; `weights="none"` asks for random values in every stream."""
    resolved = load_recipe(recipe, overrides)
    if str(weights) != "none":
        return resolved
    random = [f"streams.{name}.weights=none" for name in resolved.streams]
    random += [f"streams.{n}.flow_weights=none" for n, s in resolved.streams.items() if s.method]
    return load_recipe(resolved, random)


def assemble(recipe: Recipe, weights: str | Path | None, download: bool = True) -> dict[str, StreamParts]:
    """The streams of a resolved recipe; `weights` is a folder, `none`, or None for the usual places."""
    folder = None if weights is None or str(weights) == "none" else weights
    return assemble_streams(recipe, weights_dir=folder, download=download)
