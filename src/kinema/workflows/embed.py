"""Embeddings of a data folder in one file, and the search over it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..buckets import as_path, delivered, local, on_disk
from ..datasets import load_dataset
from ..errors import UsageError
from ..evaluation.score import EVALUATION_BATCH
from ..extraction.extracted import Extracted
from ..inference.embedding_csv import embedding_writer
from ..inference.embedding_file import open_embeddings
from ..inference.index import NEAREST, ApproximateIndex
from ..inference.load import load
from ..inference.predictor import LoadedRun
from ..inference.search import Hit, search
from ..model.items import FeatureDataset, feature_loader
from ..resources import Resources
from ..types import VideoRecord
from ..urls import full_name
from .context import Context
from .events import SILENT, Events
from .extract import extract_streams
from .on_cluster import context_on, fitted_run


@dataclass(frozen=True, slots=True)
class EmbedResult:
    """What was written: `videos` embeddings of `dim` values, without `quarantined` and `absent` files."""

    file: Path
    videos: int
    dim: int
    fingerprint: str
    quarantined: dict[str, str]
    absent: int


def embed_dataset(
    run: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    layout: str = "auto",
    resources: Resources | None = None,
    events: Events = SILENT,
    cluster: str | None = None,
) -> EmbedResult:
    """Write the embedding of every video of `data` to the file `out`, whatever its split.

    `out` is Parquet, or CSV with the same columns where its name ends in .csv; `search` reads Parquet.

    A folder of loose videos will do: labels and groups are then null. Features go through the store, so a
    second call computes nothing; machines of a `cluster` of Ray may compute them (auto, local or
    ray://HOST:PORT). Memory does not grow with the number of videos but for their names.
    Raises `UsageError` (wrong call) or `WorkError` (nothing readable, disk full); `out` then stays as it was.
    """
    with context_on(cluster, resources or Resources(), events) as context, delivered(out) as file:
        return replace(_embed_dataset(run, data, file, layout, context), file=as_path(out))


def _embed_dataset(
    run: str | Path, data: str | Path, out: Path, layout: str, context: Context
) -> EmbedResult:
    events = context.events
    loaded = fitted_run(load(run, context.resources), context)
    dataset = load_dataset(data, layout=layout, whole_files=loaded.whole_files)
    out = _writable(out)
    dim, fingerprint = loaded.sequences.model.embedding_size, loaded.fingerprint
    with embedding_writer(out, dim, fingerprint, run=full_name(run)) as writer:
        extracted = extract_streams(dataset.records, loaded.streams, context)
        events.step(f"embedding {len(extracted.records)} videos")
        for done, (record, vector, presence) in enumerate(embeddings(loaded, extracted), start=1):
            writer.add(_place(record), vector, label=record.label, group=record.group, presence=presence)
            events.progress(done, len(extracted.records))
    return EmbedResult(out, writer.count, dim, fingerprint, extracted.quarantined, len(dataset.absent))


def embeddings(
    loaded: LoadedRun, extracted: Extracted
) -> Iterator[tuple[VideoRecord, np.ndarray, dict[str, bool]]]:
    """Each record whose features are in the store, in order, its embedding float32 [E], and its streams."""
    items = extracted.items(extracted.records, loaded.labels)
    records = iter(extracted.records)
    for batch in feature_loader(FeatureDataset(items), EVALUATION_BATCH):
        present = {name: (s.lengths > 0).tolist() for name, s in batch.streams.items()}
        for row, vector in enumerate(loaded.sequences.embed_batch(batch.streams)):
            yield next(records), vector, {name: there[row] for name, there in present.items()}


def search_videos(
    file: str | Path,
    video: str | Path,
    *,
    run: str | Path | None = None,
    top: int = 10,
    approximate: bool = False,
    resources: Resources | None = None,
    events: Events = SILENT,
) -> list[Hit]:
    """The videos in a file of embeddings that are most like `video`, best first.

    `approximate` asks the index beside the file (`kinema.inference.index`) in place of reading all of it. The
    run that made the file is used, from where it lay then; `run` names its present place. Raises `UsageError`
    where the run is another one or gone, or the index is, `MediaError` where the video cannot be read.
    """
    if approximate:
        file = on_disk(file, "its index must lie beside it; copy both to this machine")
    file = local(as_path(file))
    known = open_embeddings(file)
    index = ApproximateIndex(file) if approximate else None
    if index is not None:
        events.note(f"by the index, which finds {index.facts.recall:.1%} of the {NEAREST} nearest")
    folder = run or known.run
    if not folder or not as_path(folder).is_dir():
        where = folder or "a known place"
        raise UsageError(f"the run that made {file} is not at {where}; give it with --run")
    loaded = load(folder, resources)
    vector = loaded.embed(video)
    if index is not None:
        return index.search(vector, top=top, fingerprint=loaded.fingerprint)
    return search(file, vector, top=top, fingerprint=loaded.fingerprint)


def _place(record: VideoRecord) -> str:
    """The absolute path or URL of a record's file, with the part behind `#` where it is not the whole."""
    path = full_name(record.path)
    return f"{path}#{record.part.replace(' ', '=')}" if record.part else path


def _writable(out: Path) -> Path:
    """The file to write, its folder made. Raises `UsageError` where that cannot be."""
    if out.is_dir():
        raise UsageError(f"{out} is a folder; give the name of a .parquet file with --out")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {out.parent} ({error.strerror}); choose another --out") from None
    return out
