"""Fill the feature store: for a data folder, or for the records and streams of another verb."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datasets import Dataset, ensure_split, find_duplicates, find_leaks
from ..datasets.checks import remarks
from ..datasets.reading import DatasetReading
from ..errors import UsageError, WorkError
from ..extraction.extract import ExtractReport, each_item, extract, past_stored
from ..extraction.pool import DecodingPool
from ..recipe import Recipe, resolve
from ..resources import Resources
from ..training.ranks import ALONE
from ..types import VideoRecord
from .context import TELL_EVERY, Context
from .events import SILENT, Events, duration, megabytes
from .on_cluster import computing, context_on
from .pace import Pace

if TYPE_CHECKING:
    from ..backbones.calibrated import CalibratedNetwork
    from ..extraction.engine import Compute
    from ..extraction.extract import Elsewhere
    from ..extraction.extracted import Extracted
    from ..extraction.loaded import LoadedStream

Records = Sequence[VideoRecord] | DatasetReading
SHUFFLED = 4096  # records
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
        done = extract_streams(
            records, streams, context, when_identified=lambda: warnings.extend(_warn(whole(), context))
        )
    finally:
        reading.stop()
    dataset = whole()
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


def _warn(dataset: Dataset, context: Context) -> list[str]:
    """Say what speaks against the data itself, of which all files are known by now."""
    digests = context.contents.digests
    seen: set[str | None] = set()
    repeated: set[str | None] = set()
    for path in {r.path: None for r in dataset.records}:
        content = digests.get(path)
        (repeated if content in seen else seen).add(content)
    repeated.discard(None)
    alike = (replace(r, content=digests[r.path]) for r in dataset.records if digests.get(r.path) in repeated)
    warnings = [*dataset.warnings, *remarks(find_leaks(dataset.records), find_duplicates(alike))]
    for text in warnings:
        context.events.warn(text)
    return warnings


def extract_streams(
    records: Records,
    streams: Mapping[str, LoadedStream],
    context: Context,
    *,
    when_identified: Callable[[], None] = lambda: None,
) -> Extracted:
    """Fill the store for every stream; quarantine what cannot be read. Raises `WorkError` if nothing can.

    Work begins with the first records, while others are found and read. `when_identified` is called once,
    when the content of all is known. The streams of what is returned are those given, with calibrated
    networks where they are in int8.
    """
    from ..extraction.extracted import Extracted

    if context.ranks.count > 1:
        context.digests(records)  # of which every process must know
    found = context.ranks.from_first(lambda: _stored(records, streams, context, when_identified))
    streams = {name: replace(stream, calibrated=found.calibrated[name]) for name, stream in streams.items()}
    known = _all(records)
    usable = [known[number] for number in found.usable]
    digests = context.contents.digests
    return Extracted(usable, digests, context.store, streams, found.reports, found.quarantined)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the process that extracted tells the others: numbers of the usable records, and the rest."""

    usable: list[int]
    reports: dict[str, ExtractReport]
    quarantined: dict[str, str]
    calibrated: dict[str, tuple[CalibratedNetwork, ...]]


def _stored(
    records: Records,
    streams: Mapping[str, LoadedStream],
    context: Context,
    when_identified: Callable[[], None],
) -> _Found:
    if context.ranks.count > 1:
        context = replace(context, ranks=ALONE)  # from here on it is one process
    streams = {name: _ready(stream, records, context) for name, stream in streams.items()}
    work = _Work(records, context, when_identified)
    reports = {}
    with context.memory.watched(), DecodingPool() as pool, computing(streams, records, context) as compute_of:
        # Flow first: the motion that it leaves in the cache spares other streams the work.
        for name in sorted(streams, key=lambda n: streams[n].spec.input != "flow"):
            reports[name] = work.extract(streams[name], compute_of, pool)
            _tell_details(reports[name], streams[name], context.events)
    all_records = work.settle(streams)
    lost = {_place(r) for r, _, _ in work.failures}
    usable = [number for number, r in enumerate(all_records) if not lost or _place(r) not in lost]
    quarantined = {r.name: reason for r, _, reason in work.failures}
    if not usable:
        name, reason = next(iter(quarantined.items()), ("", "no files"))
        raise WorkError(
            f"no usable videos: all {len(quarantined)} files failed, {name}: {reason}; see `kinema scan`"
        )
    ready = {name: stream.calibrated for name, stream in streams.items()}
    return _Found(usable, {n: reports[n] for n in streams}, quarantined, ready)


def _all(records: Records) -> Sequence[VideoRecord]:
    return records.dataset().records if isinstance(records, DatasetReading) else records


class _Work:
    """One extraction of several streams: what is asked of the records, and what went wrong with them."""

    def __init__(self, records: Records, context: Context, when_identified: Callable[[], None]):
        self.records, self.context = records, context
        self.failures: list[tuple[VideoRecord, str, str]] = []  # record, stream or "file", reason
        self._unreadable: set[Path] = set()
        self._when_identified: Callable[[], None] | None = when_identified
        self._pace = Pace(context.events)

    def extract(
        self,
        stream: LoadedStream,
        compute_of: Callable[[LoadedStream], Compute | Elsewhere],
        pool: DecodingPool,
    ) -> ExtractReport:
        """Compute what the store lacks of one stream."""
        self._pace = Pace(self.context.events)
        copies, events, context = stream.spec.copies, self.context.events, self.context
        shelves = [stream.shelf(context.store, v) for v in range(copies + 1)]
        identified = context.identifying(shuffled(self.records))

        def count() -> tuple[int, bool]:
            number = len(self.records) - len(self._unreadable)
            if copies:
                number += copies * sum(r.split == "train" for r in self.records)
            return number, identified.complete

        def progress(done: int, total: int) -> None:
            if identified.complete:
                self._tell_identified()
            self._pace.progress(done, total)

        def look(number: int) -> None:
            if not number % TELL_EVERY:
                progress(number, count()[0])

        items = each_item(
            self._readable(identified),
            context.contents.digests,
            lambda r: copies if r.split == "train" else 0,
        )
        try:
            reused, items = past_stored(items, shelves.__getitem__, look)
            first = next(items, None)
            if first is None:
                self._tell_identified()
                events.step(f"stream {stream.name}: all {reused} feature sequences are in the store")
                return ExtractReport(stream.name, shelves[0].fingerprint, reused=reused)
            events.step(f"stream {stream.name}: extracting ({', '.join(stream.spec.backbones)})")
            report = extract(
                chain([first], items),
                stream.spec,
                compute_of(stream),
                context.store,
                shelves.__getitem__,
                stream.resources,
                pool,
                workers=stream.workers,
                before=reused,
                count=count,
                progress=progress,
                on_failure=lambda r, reason: self._quarantine(r, stream.name, reason),
                forecast=partial(_foretell, events=events, store=context.store.root),
                unchanged=lambda item: context.remembered.same(item.record.path, item.content),
                stop=identified.stop,
            )
        finally:
            identified.stop()
        self._tell_identified()
        self.failures += [(record, stream.name, reason) for record, reason in report.failed]
        return report

    def settle(self, streams: Iterable[str]) -> Sequence[VideoRecord]:
        """Bring quarantine.csv up to date; all records, in their order."""
        records = _all(self.records)
        quarantine = self.context.store.quarantine
        seen = ((*_place(r), stream) for r in records for stream in (*streams, "file"))
        quarantine.settle({(*_place(r), stream, reason) for r, stream, reason in self.failures}, seen)
        self.context.remembered.close()
        if self.failures:
            self.context.events.note(f"files that could not be read, with reasons: {quarantine.path}")
        return records

    def _readable(self, identified: Iterable[VideoRecord]) -> Iterator[VideoRecord]:
        """Records whose file was read; the others are put down, once each."""
        unreadable, before = self.context.contents.unreadable, frozenset(self._unreadable)
        for record in identified:
            reason = unreadable.get(record.path)
            if reason is None:
                yield record
            elif record.path not in before:
                self._unreadable.add(record.path)
                self.failures.append((record, "file", reason))
                self._quarantine(record, "file", reason)

    def _quarantine(self, record: VideoRecord, stream: str, reason: str) -> None:
        self._pace.failed += 1
        self.context.store.quarantine.add((*_place(record), stream, reason))

    def _tell_identified(self) -> None:
        if self._when_identified is not None:
            tell, self._when_identified = self._when_identified, None
            tell()


def shuffled(records: Iterable[VideoRecord]) -> Iterator[VideoRecord]:
    """The records in an order of this process's own, so that several that share a store seldom meet.

    What is shuffled is a window of them: the first come before the last are known.
    """
    choose = random.Random(f"{os.getpid()}-{time.time_ns()}")
    window: list[VideoRecord] = []
    for record in records:
        window.append(record)
        if len(window) == SHUFFLED:
            yield _drawn(window, choose)
    while window:
        yield _drawn(window, choose)


def _drawn(window: list[VideoRecord], choose: random.Random) -> VideoRecord:
    place = choose.randrange(len(window))
    window[place], window[-1] = window[-1], window[place]
    return window.pop()


def _ready(stream: LoadedStream, records: Records, context: Context) -> LoadedStream:
    """The stream with what int8 needs: networks calibrated on the training videos, or on all."""
    if stream.choice.precision != "int8" or stream.calibrated:
        return stream
    from ..extraction.calibrate import calibrated

    context.events.step(f"stream {stream.name}: int8 networks, calibrated on its own videos")
    train = [r for r in records if r.split == "train"] or records
    return calibrated(stream, train, context.digests(records), context.store)


def _place(record: VideoRecord) -> tuple[str, str]:
    return os.path.abspath(record.path), record.part


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
