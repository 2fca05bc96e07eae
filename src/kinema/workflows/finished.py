"""Whether a folder holds a finished training, and of what: `training.json`, written last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import write_text
from ..errors import UsageError
from ..keys import fingerprint
from ..recipe import Recipe
from ..training.ranks import Ranks
from ..types import VideoRecord
from .context import TrainResult

if TYPE_CHECKING:
    from ..extraction.loaded import LoadedStream

FILE = "training.json"


def training_digest(
    recipe: Recipe, streams: Mapping[str, LoadedStream], records: Iterable[VideoRecord]
) -> str:
    """Everything that decides a result: recipe, weights, the content, label and split of every video."""
    return fingerprint(
        {
            "recipe": _counted(recipe),
            "streams": {name: _asked(stream) for name, stream in streams.items()},
            "videos": [[r.content or r.name, r.part, r.label, r.group, r.split] for r in records],
        }
    )


def _asked(stream: LoadedStream) -> dict[str, Any]:
    """Its settings but for calibrated networks: they follow from the videos."""
    return {key: value for key, value in stream.settings().items() if key != "calibrated"}


def asked_for(recipe: Recipe) -> str:
    """Digest of a recipe as it was asked for, before anything is known of the data."""
    return fingerprint({key: value for key, value in _counted(recipe).items() if key != "data"})


def _counted(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain data, without what decides no result: how many clips are computed at once."""
    return recipe.model_dump(mode="json", exclude={"training": {"backbone": {"chunk"}}})


def mark_finished(result: TrainResult, digest: str, recipe: Recipe) -> None:
    """Say that the run in this folder is whole."""
    marker = {"fingerprint": digest, "asked": asked_for(recipe), "warnings": result.warnings}
    write_text(result.run / FILE, json.dumps(marker, indent=2) + "\n")


def finished(folder: Path, digest: str, *, overwrite: bool = False) -> TrainResult | None:
    """What a finished training of this digest found; None where the folder holds none.

    Raises `UsageError` where it holds another one, unless `overwrite`: no result is replaced unasked.
    """
    marker = _marker(folder)
    if marker is None or (overwrite and marker["fingerprint"] != digest):
        return None
    if marker["fingerprint"] != digest:
        raise _occupied(folder, "on other videos or with other weights")
    try:
        metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return TrainResult(folder, metrics, marker["warnings"])


def finished_for_all(folder: Path, digest: str, ranks: Ranks, *, overwrite: bool) -> TrainResult | None:
    """As `finished`, for processes that train together. Raises `WorkError` where their trainings differ."""
    ranks.check_same(digest)
    return ranks.from_first(lambda: finished(folder, digest, overwrite=overwrite))


def reopen(folder: Path) -> None:
    """From here on the folder holds no finished training, until one is marked."""
    (folder / FILE).unlink(missing_ok=True)


def refuse_other_recipe(folder: Path, recipe: Recipe) -> None:
    """Raises `UsageError` where the folder holds a finished training of another recipe."""
    marker = _marker(folder)
    if marker is not None and marker["asked"] != asked_for(recipe):
        raise _occupied(folder, "with other settings")


def _marker(folder: Path) -> dict[str, Any] | None:
    try:
        marker = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return marker if {"fingerprint", "asked", "warnings"} <= marker.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _occupied(folder: Path, how: str) -> UsageError:
    return UsageError(
        f"{folder} holds a finished run {how}; choose another --out, or replace it with --overwrite"
    )
