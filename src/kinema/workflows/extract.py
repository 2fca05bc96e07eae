"""Fill the feature store: for a data folder, or for the records and streams of another verb."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets import Dataset, ensure_split, find_duplicates, find_leaks
from ..datasets.checks import remarks
from ..datasets.reading import DatasetReading
from ..errors import UsageError, WorkError
from ..extraction.extract import ExtractReport
from ..extraction.identify import RECENT_FILES, Contents
from ..extraction.pool import DecodingPool
from ..recipe import Recipe, resolve
from ..resources import Resources
from ..training.ranks import ALONE
from ..urls import as_url
from .context import Context
from .events import SILENT, Events
from .extraction_work import ExtractionWork, Records, all_of, place_of
from .on_cluster import computing, context_on

if TYPE_CHECKING:
    from ..backbones.calibrated import CalibratedNetwork
    from ..extraction.extracted import Extracted
    from ..extraction.loaded import LoadedStream

PATIENCE = 1.0  # seconds: a set that is read by then is refused, where it is to be, before torch loads


def extract_dataset(
    data: str | Path,
    *,
    recipe: str | Path | Mapping[str, Any] | Recipe = "lite",
    overrides: Iterable[str] = (),
    layout: str = "auto",
    split: int = 1,
    resources: Resources | None = None,
    events: Events = SILENT,
    cluster: str | None = None,
) -> dict[str, Any]:
    """Extract every stream of `recipe` for all videos of `data`; returns counts per stream.

    `cluster` is auto, local or ray://HOST:PORT: machines of Ray then do it.
    Work begins with the first files, while others are found. What `scan` says against the data itself (leaks,
    duplicates, contradictions) is said as soon as all files are known.

    Raises `UsageError` where there is nothing to extract, `WorkError` where nothing can be read.
    """
    resolved = resolve(recipe, overrides, resources or Resources())
    with context_on(cluster, resources or Resources(), events) as context:
        return _extract_dataset(data, resolved, layout, split, context)


def _extract_dataset(
    data: str | Path, resolved: Recipe, layout: str, split: int, context: Context
) -> dict[str, Any]:
    reading = DatasetReading(data, layout=layout, split=split, whole_files=resolved.data.whole_files)
    try:
        reading.wait(PATIENCE)
        if reading.complete and not len(reading):
            raise UsageError(f"no videos in {data}; give a folder of class folders, a CSV or a known dataset")
        whole = reading.dataset
        records: Records = reading
        if any(stream.copies for stream in resolved.streams.values()):
            split_set = ensure_split(reading.dataset(), resolved.training.seed)
            records, whole = split_set.records, lambda: split_set
        from ..extraction.loaded import NO_WEIGHTS, load_streams  # torch: all that can be refused, was

        warnings: list[str] = []
        streams = load_streams(resolved.streams, context.resources, advice=NO_WEIGHTS)
        if context.cluster is not None:
            streams = context.cluster.fitted(streams)
        if records is reading and not any(s.choice.precision == "int8" for s in streams.values()):
            context.contents = Contents(limit=RECENT_FILES)  # nothing needs those of all files at once
        done = _stored(records, streams, context, lambda: warnings.extend(_warn(whole(), context)))
    finally:
        reading.stop()
    dataset = whole()
    return {
        "features": as_url(context.store.origin),
        "videos": len(dataset.records),
        "absent": len(dataset.absent),
        "quarantined": len(done.quarantined),
        "warnings": warnings,
        "streams": {
            name: {
                "fingerprint": report.fingerprint,
                "extracted": report.extracted,
                "reused": report.reused,
                "failed": len(report.failed),
                "steps": report.steps,
                "seconds": round(report.seconds, 3),
                "notes": report.notes,
            }
            for name, report in done.reports.items()
        },
    }


def _warn(dataset: Dataset, context: Context) -> list[str]:
    """Say what speaks against the data itself, of which all files are known by now."""
    leaks = find_leaks(dataset.records) if dataset.split_source else []
    is_copy = context.contents.copies()
    copies = list(context.identifying(r for r in dataset.records if is_copy(r.path))) if is_copy else []
    warnings = [*dataset.warnings, *remarks(leaks, find_duplicates(copies))]
    for text in warnings:
        context.events.warn(text)
    return warnings


def extract_streams(records: Records, streams: Mapping[str, LoadedStream], context: Context) -> Extracted:
    """Fill the store for every stream; quarantine what cannot be read. Raises `WorkError` if nothing can.

    Work begins with the first records, while others are found and read. The streams of what is returned are
    those given, with calibrated networks where they are in int8.
    """
    from ..extraction.extracted import Extracted

    if context.ranks.count > 1:
        context.digests(records)  # of which every process must know
    found = context.ranks.from_first(lambda: _stored(records, streams, context))
    streams = {name: replace(stream, calibrated=found.calibrated[name]) for name, stream in streams.items()}
    usable = [r for r in all_of(records) if not found.lost or place_of(r) not in found.lost]
    digests = context.contents.digests
    return Extracted(usable, digests, context.store, streams, found.reports, found.quarantined)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the process that extracted tells the others; `lost` are the places of records without features."""

    lost: set[tuple[str, str]]
    reports: dict[str, ExtractReport]
    quarantined: dict[str, str]
    calibrated: dict[str, tuple[CalibratedNetwork, ...]]


def _stored(
    records: Records,
    streams: Mapping[str, LoadedStream],
    context: Context,
    when_identified: Callable[[], None] = lambda: None,
) -> _Found:
    """As `extract_streams`. `when_identified` is called once, when the content of all records is known."""
    if context.ranks.count > 1:
        context = replace(context, ranks=ALONE)  # from here on it is one process
    streams = {name: _ready(stream, records, context) for name, stream in streams.items()}
    work = ExtractionWork(records, context, when_identified)
    reports = {}
    with context.memory.watched(), DecodingPool() as pool, computing(streams, records, context) as compute_of:
        # Flow first: the motion that it leaves in the cache spares other streams the work.
        for name in sorted(streams, key=lambda n: streams[n].spec.input != "flow"):
            reports[name] = work.extract(streams[name], compute_of, pool)
            _tell_details(reports[name], streams[name], context.events)
    all_records = work.settle(streams)
    lost = {place_of(r) for r, _, _ in work.failures}
    quarantined = {r.name: reason for r, _, reason in work.failures}
    if all(place_of(r) in lost for r in all_records):
        name, reason = next(iter(quarantined.items()), ("", "no files"))
        raise WorkError(
            f"no usable videos: all {len(quarantined)} files failed, {name}: {reason}; see `kinema scan`"
        )
    ready = {name: stream.calibrated for name, stream in streams.items()}
    return _Found(lost, {n: reports[n] for n in streams}, quarantined, ready)


def _ready(stream: LoadedStream, records: Records, context: Context) -> LoadedStream:
    """The stream with what int8 needs: networks calibrated on the training videos, or on all."""
    if stream.choice.precision != "int8" or stream.calibrated:
        return stream
    from ..extraction.calibrate import calibrated

    context.events.step(f"stream {stream.name}: int8 networks, calibrated on its own videos")
    train = [r for r in records if r.split == "train"] or records
    return calibrated(stream, train, context.digests(records), context.store)


def _tell_details(report: ExtractReport, stream: LoadedStream, events: Events) -> None:
    for backbone in stream.backbones:
        events.detail(f"{stream.name}: {backbone.spec.name}, {backbone.features}, from {backbone.source}")
    events.detail(
        f"{stream.name}: {report.extracted} extracted ({report.steps} steps, {report.seconds:.1f} s), "
        f"{report.reused} reused, {len(report.failed)} failed"
    )
    for note, count in report.notes.items():
        events.detail(f"{stream.name}: {note} ({count})")
    for record, reason in report.failed:
        events.detail(f"{stream.name}: {record.id}: {reason}")
