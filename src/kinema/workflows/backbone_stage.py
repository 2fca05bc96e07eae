"""The backbone stage of a training: released blocks are trained on clips, ahead of the extraction."""

import shutil
from collections.abc import Mapping

from ..datasets import Dataset
from ..errors import WorkError
from ..extraction.loaded import LoadedStream
from ..keys import video_key
from ..model.recognizer import Recognizer
from ..recipe import Recipe
from ..streams import FlowStream
from ..streams.fields import FLOW_FOLDER
from ..training.backbones import clip_streams, train_backbones
from ..training.clips import ClipItem, Clips
from ..training.stage import FitOptions, Row
from .context import Context


def train_released(
    recipe: Recipe,
    dataset: Dataset,
    streams: Mapping[str, LoadedStream],
    model: Recognizer,
    options: FitOptions,
    context: Context,
) -> tuple[dict[str, LoadedStream], list[Row]]:
    """Train the last `train_blocks` blocks of each stream that asks for it, on the training videos.

    Videos that cannot be read are left out here; extraction counts them. Optical flow is kept for it.
    """
    read, events = clip_streams(recipe, streams), context.events
    tools, cache = next(iter(streams.values())).tools, context.store.root
    train, val = (Clips(clip_items(dataset, part, context), read, tools, cache) for part in ("train", "val"))
    events.step(f"reading clips to train {', '.join(read)}")
    if any(isinstance(stream, FlowStream) for stream in read.values()):
        events.note(f"optical flow is kept in {cache / FLOW_FOLDER} until features are extracted")
    failed = train.drop_unreadable(events.progress, context.ranks.union)
    val.drop_unreadable(events.progress, context.ranks.union)
    if not train.items:
        name, reason = next(iter(failed.items()), ("", "no files"))
        raise WorkError(f"no training video can be read, {name}: {reason}; see `kinema scan`")
    events.step(f"training the backbones of {', '.join(read)} on {len(train.items)} videos")
    return train_backbones(recipe, streams, model, train, val, options)


def clip_items(dataset: Dataset, part: str, context: Context) -> list[ClipItem]:
    records = dataset.part(part)
    digests = context.digests(records)
    return [
        ClipItem(r, video_key(digests[r.path], r), dataset.labels.index(r.label or ""))
        for r in records
        if r.path in digests
    ]


def drop_kept_flow(context: Context) -> None:
    """Remove the optical flow that the stage kept for the extraction, which is done."""
    if context.ranks.first:
        shutil.rmtree(context.store.root / FLOW_FOLDER, ignore_errors=True)
