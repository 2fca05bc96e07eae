"""Which videos have a stream at all, from the headers of their feature files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..errors import WorkError
from .batch import FeatureItem


def sequence_shape(path: Path) -> tuple[int, int]:
    """(steps, dim) of one feature file, without reading it. Raises `WorkError` where it is damaged."""
    try:
        with safe_open(path, framework="numpy") as file:
            steps, dim = file.get_slice("data").get_shape()
    except (SafetensorError, OSError) as error:
        raise WorkError(
            f"feature file {path} cannot be read ({error}); delete it and extract again"
        ) from None
    return steps, dim


def with_stream(items: Sequence[FeatureItem], stream: str) -> list[FeatureItem]:
    """The items that have at least one step of a stream."""
    return [item for item in items if sequence_shape(item.files[stream])[0]]
