"""How long a few videos take from file to answer, with nothing in the store."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import MediaError, WorkError
from ..evaluation.score import score_items
from ..extraction.extract import extract, items_of
from ..extraction.loaded import LoadedStream
from ..extraction.pool import DecodingPool
from ..features.store import FeatureStore
from ..features.stored import is_stored, stored_size
from ..inference.load import load
from ..media.probe import probe
from ..model.items import FeatureItem
from ..types import VideoRecord
from .context import Context

VIDEOS = 6


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds and bytes of features that one video takes in every stream, and the features as items."""

    seconds: float
    size: float
    items: list[FeatureItem]


def measure(
    run: Path, records: Sequence[VideoRecord], workers: int | None, context: Context
) -> dict[str, float | None]:
    """`seconds_a_video` and `frames_per_second` of a run on the first few records, decoded by `workers`.

    Frames are all frames of a video, also those that the recipe leaves out; unknown where videos are parts of
    files.
    """
    # `none` is for what is trained: the run itself remembers that its values were random.
    resources = replace(context.resources, weights=context.resources.folder)
    loaded = load(run, replace(resources, workers=workers or resources.workers))
    chosen = records[:VIDEOS]
    with passing_store() as store:
        found = few_videos(loaded.streams, chosen, store, context)
        started = time.monotonic()
        score_items(loaded.sequences.model, found.items)
        seconds = found.seconds + (time.monotonic() - started) / len(found.items)
    frames = [_frames(record) for record in chosen]
    known = [count for count in frames if count is not None]
    pace = sum(known) / len(known) / seconds if known and len(known) == len(frames) else None
    return {"seconds_a_video": seconds, "frames_per_second": pace}


@contextmanager
def passing_store() -> Iterator[FeatureStore]:
    """A store that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="kinema-") as folder:
        yield FeatureStore(Path(folder))


def few_videos(
    streams: Mapping[str, LoadedStream], records: Sequence[VideoRecord], store: FeatureStore, context: Context
) -> Measured:
    """Extract a few videos into a passing store. Raises `WorkError` if none can be read.

    The pace is taken from the first video's end to the last one's: starting the workers is left out. What the
    store has already takes no time.
    """
    items, seconds = items_of(records, context.digests(records), lambda record: 0), 0.0
    with DecodingPool() as pool:
        for stream in streams.values():
            seconds += _pace(items, stream, store, pool)
    files = [{n: s.shelf(store).path(i.key) for n, s in streams.items()} for i in items]
    whole = [paths for paths in files if all(map(is_stored, paths.values()))]
    if not whole:
        raise WorkError("none of the first videos can be read, so nothing is measured; see `kinema scan`")
    size = sum(stored_size(path) for paths in whole for path in paths.values()) / len(whole)
    return Measured(seconds, size, [FeatureItem(paths, -1) for paths in whole])


def _pace(items: Sequence, stream: LoadedStream, store: FeatureStore, pool: DecodingPool) -> float:
    """Seconds a video of one stream."""
    shelf, ends = stream.shelf(store), [time.monotonic()]
    extract(
        items,
        stream.spec,
        stream.compute,
        store,
        lambda variant: shelf,
        stream.resources,
        pool,
        workers=stream.workers,
        progress=lambda done, total: ends.append(time.monotonic()),
    )
    if len(ends) < 4:
        return (ends[-1] - ends[0]) / max(1, len(ends) - 1)
    return (ends[-1] - ends[1]) / (len(ends) - 2)


def _frames(record: VideoRecord) -> int | None:
    if record.part:
        return None
    try:
        return probe(record.path).num_frames
    except MediaError:
        return None
