"""The backbone stage of a training: read the clips, train the released blocks, hand back the streams."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..datasets import Dataset
from ..errors import WorkError
from ..extraction.engine import digest_records
from ..features.store import FeatureStore
from ..keys import video_key
from ..model.recognizer import Recognizer
from ..pipeline import StreamParts
from ..recipe import Recipe
from ..streams.source import SourceConfig
from ..training.clips import ClipDataset, ClipItem, clips_per_video
from ..training.end_to_end import train_backbones
from ..training.fit import FitOptions
from ..training.stage import Row
from .events import Events
from .prepare import default_features


def backbone_stage(
    recipe: Recipe,
    dataset: Dataset,
    parts: Mapping[str, StreamParts],
    model: Recognizer,
    features: str | Path | None,
    options: FitOptions,
    events: Events,
) -> tuple[dict[str, StreamParts], list[Row]]:
    """Train the last `train_blocks` blocks of each stream that asks for it, on the training videos.

    Videos that cannot be read are left out here; extraction quarantines and counts them afterwards.
    """
    store = FeatureStore(features or default_features())
    released = {name: part for name, part in parts.items() if part.spec.train_blocks}
    events.step(f"reading clips to train {', '.join(released)}")
    cache = store.root / "clips"
    items = _readable(_items(dataset), _configs(recipe, released), cache, events)
    events.step(f"training the backbones of {', '.join(released)} on {len(items)} videos")
    return train_backbones(recipe, parts, model, items, cache, options)


def _items(dataset: Dataset) -> list[ClipItem]:
    records = dataset.part("train")
    digests, _ = digest_records(records)
    return [
        ClipItem(r, video_key(digests[r.path], r), dataset.labels.index(r.label or ""))
        for r in records
        if r.path in digests
    ]


def _configs(recipe: Recipe, released: Mapping[str, StreamParts]) -> dict[str, SourceConfig]:
    spec = recipe.training.backbone
    if spec is None or spec.unit == "video":
        return {name: part.config for name, part in released.items()}
    return {name: clips_per_video(part.config, spec.clips_per_video) for name, part in released.items()}


def _readable(
    items: list[ClipItem], configs: Mapping[str, SourceConfig], cache: Path, events: Events
) -> list[ClipItem]:
    good, failed = ClipDataset(items, configs, cache, augment=False).usable(events.progress)
    if not good:
        name, reason = next(iter(failed.items()), ("", "no files"))
        raise WorkError(f"no training video can be read, {name}: {reason}; see `kinema scan`")
    return [items[index] for index in good]
