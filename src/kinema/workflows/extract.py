"""Fill the feature store: for a data folder, or for the records and streams of another verb."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets import ensure_split, find_duplicates, find_leaks, load_dataset
from ..datasets.checks import remarks
from ..errors import UsageError, WorkError
from ..extraction.extract import ExtractReport, extract, items_of
from ..extraction.pool import DecodingPool
from ..recipe import Recipe, resolve
from ..resources import Resources
from ..training.ranks import ALONE
from ..types import VideoRecord
from .context import Context
from .events import SILENT, Events, duration, megabytes
from .on_cluster import computing, context_on
from .pace import Pace

if TYPE_CHECKING:
    from ..backbones.calibrated import CalibratedNetwork
    from ..extraction.engine import Compute
    from ..extraction.extract import Elsewhere
    from ..extraction.extracted import Extracted
    from ..extraction.loaded import LoadedStream


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

    `cluster` is auto, local or ray://HOST:PORT: machines of Ray then do it. What `scan` says against the data
    itself (leaks, duplicates, contradictions) is said before the work.

    Raises `UsageError` where there is nothing to extract, `WorkError` where nothing can be read.
    """
    resolved = resolve(recipe, overrides, resources or Resources())
    with context_on(cluster, resources or Resources(), events) as context:
        return _extract_dataset(data, resolved, layout, split, context)


def _extract_dataset(
    data: str | Path, resolved: Recipe, layout: str, split: int, context: Context
) -> dict[str, Any]:
    events = context.events
    dataset = load_dataset(data, layout=layout, split=split, whole_files=resolved.data.whole_files)
    if not dataset.records:
        raise UsageError(f"no videos in {data}; give a folder of class folders, a CSV or a known dataset")
    if any(stream.copies for stream in resolved.streams.values()):
        dataset = ensure_split(dataset, resolved.training.seed)
    from ..extraction.loaded import NO_WEIGHTS, load_streams  # torch: all that can be refused, was

    records = context.identified(dataset).records
    warnings = [*dataset.warnings, *remarks(find_leaks(records), find_duplicates(records))]
    for text in warnings:
        events.warn(text)
    streams = load_streams(resolved.streams, context.resources, advice=NO_WEIGHTS)
    if context.cluster is not None:
        streams = context.cluster.fitted(streams)
    done = extract_streams(dataset.records, streams, context)
    return {
        "features": str(done.store.root),
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


def extract_streams(
    records: Sequence[VideoRecord], streams: Mapping[str, LoadedStream], context: Context
) -> Extracted:
    """Fill the store for every stream; quarantine what cannot be read. Raises `WorkError` if nothing can.

    The streams of what is returned are those given, with calibrated networks where they are in int8.
    """
    from ..extraction.extracted import Extracted

    digests = context.digests(records)
    found = context.ranks.from_first(lambda: _stored(records, streams, digests, context))
    streams = {name: replace(stream, calibrated=found.calibrated[name]) for name, stream in streams.items()}
    usable = [records[number] for number in found.usable]
    return Extracted(usable, digests, context.store, streams, found.reports, found.quarantined)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the process that extracted tells the others: numbers of the usable records, and the rest."""

    usable: list[int]
    reports: dict[str, ExtractReport]
    quarantined: dict[str, str]
    calibrated: dict[str, tuple[CalibratedNetwork, ...]]


def _stored(
    records: Sequence[VideoRecord],
    streams: Mapping[str, LoadedStream],
    digests: Mapping[Path, str],
    context: Context,
) -> _Found:
    if context.ranks.count > 1:
        context = replace(context, ranks=ALONE)  # from here on it is one process
    store = context.store
    failures = [(r, "file", reason) for r in records if (reason := context.unreadable.get(r.path))]
    for record, _, reason in failures:
        store.quarantine.add((*_place(record), "file", reason))
    streams = {name: _ready(stream, records, context) for name, stream in streams.items()}
    reports = {}
    with context.memory.watched(), DecodingPool() as pool, computing(streams, records, context) as compute_of:
        # Flow first: the motion that it leaves in the cache spares other streams the work.
        for name in sorted(streams, key=lambda n: streams[n].spec.input != "flow"):
            reports[name] = _extract_stream(records, streams[name], compute_of, digests, context, pool)
            _tell_details(reports[name], streams[name], context.events)
            failures += [(record, name, reason) for record, reason in reports[name].failed]
    seen = {(*_place(r), stream) for r in records for stream in (*streams, "file")}
    store.quarantine.settle({(*_place(r), stream, reason) for r, stream, reason in failures}, seen)
    if failures:
        context.events.note(f"files that could not be read, with reasons: {store.quarantine.path}")
    lost = {_place(r) for r, _, _ in failures}
    usable = [number for number, r in enumerate(records) if _place(r) not in lost]
    quarantined = {r.name: reason for r, _, reason in failures}
    if not usable:
        name, reason = next(iter(quarantined.items()), ("", "no files"))
        raise WorkError(
            f"no usable videos: all {len(quarantined)} files failed, {name}: {reason}; see `kinema scan`"
        )
    ready = {name: stream.calibrated for name, stream in streams.items()}
    return _Found(usable, {n: reports[n] for n in streams}, quarantined, ready)


def _ready(stream: LoadedStream, records: Sequence[VideoRecord], context: Context) -> LoadedStream:
    """The stream with what int8 needs: networks calibrated on the training videos, or on all."""
    if stream.choice.precision != "int8" or stream.calibrated:
        return stream
    from ..extraction.calibrate import calibrated

    context.events.step(f"stream {stream.name}: int8 networks, calibrated on its own videos")
    train = [r for r in records if r.split == "train"] or records
    return calibrated(stream, train, context.digests(records), context.store)


def _place(record: VideoRecord) -> tuple[str, str]:
    return os.path.abspath(record.path), record.part


def _extract_stream(
    records: Sequence[VideoRecord],
    stream: LoadedStream,
    compute_of: Callable[[LoadedStream], Compute | Elsewhere],
    digests: Mapping[Path, str],
    context: Context,
    pool: DecodingPool,
) -> ExtractReport:
    copies, events = stream.spec.copies, context.events
    items = items_of(records, digests, lambda r: copies if r.split == "train" else 0)
    shelves = {v: stream.shelf(context.store, v) for v in range(copies + 1)}
    missing = sum(i.key not in shelves[i.variant] for i in items)
    if not missing:
        events.step(f"stream {stream.name}: all {len(items)} feature sequences are in the store")
        return ExtractReport(stream.name, shelves[0].fingerprint, reused=len(items))
    events.step(
        f"stream {stream.name}: extracting {missing} of {len(items)} ({', '.join(stream.spec.backbones)})"
    )
    pace = Pace(events)

    def fail(record: VideoRecord, reason: str) -> None:
        pace.failed += 1
        context.store.quarantine.add((*_place(record), stream.name, reason))

    return extract(
        items,
        stream.spec,
        compute_of(stream),
        context.store,
        lambda variant: shelves[variant],
        stream.resources,
        pool,
        workers=stream.workers,
        progress=pace.progress,
        on_failure=fail,
        forecast=partial(_foretell, events=events, store=context.store.root),
    )


def _foretell(seconds: float, size: int, *, events: Events, store: Path) -> None:
    """Say how long the rest will take and how much disk the whole; warn where the disk is too small."""
    events.note(f"about {duration(seconds)} to go, {megabytes(size)} in {store}")
    free = shutil.disk_usage(store).free
    if free < size:
        events.warn(
            f"only {megabytes(free)} are free there; stop, then free space or choose another --features"
        )


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
