"""The backbone stage of a training: read the clips, train the released blocks, hand back the streams."""

from __future__ import annotations

from collections.abc import Mapping

from ..datasets import Dataset
from ..errors import WorkError
from ..extraction.engine import digest_records
from ..features.keys import video_key
from ..model.recognizer import Recognizer
from ..pipeline import StreamParts
from ..recipe import Recipe
from ..training.backbones import clip_sources, train_backbones
from ..training.clips import ClipItem, Clips
from ..training.stage import FitOptions, Row
from .events import Events


def backbone_stage(
    recipe: Recipe,
    dataset: Dataset,
    parts: Mapping[str, StreamParts],
    model: Recognizer,
    options: FitOptions,
    events: Events,
) -> tuple[dict[str, StreamParts], list[Row]]:
    """Train the last `train_blocks` blocks of each stream that asks for it, on the training videos.

    Validation videos are those that `dataset` has set aside. Videos that cannot be read are left out here;
    extraction quarantines and counts them afterwards.
    """
    sources = clip_sources(recipe, parts)
    train, val = (Clips(_items(dataset, part), sources) for part in ("train", "val"))
    events.step(f"reading clips to train {', '.join(sources)}")
    failed = train.drop_unreadable(events.progress)
    val.drop_unreadable(events.progress)
    if not train.items:
        name, reason = next(iter(failed.items()), ("", "no files"))
        raise WorkError(f"no training video can be read, {name}: {reason}; see `kinema scan`")
    events.step(f"training the backbones of {', '.join(sources)} on {len(train.items)} videos")
    return train_backbones(recipe, parts, model, train, val, options)


def _items(dataset: Dataset, part: str) -> list[ClipItem]:
    records = dataset.part(part)
    digests, _ = digest_records(records)
    return [
        ClipItem(r, video_key(digests[r.path], r), dataset.labels.index(r.label or ""))
        for r in records
        if r.path in digests
    ]
