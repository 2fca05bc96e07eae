"""One extraction of several streams: records as they come, what the store lacks, and what went wrong."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ..datasets.reading import DatasetReading
from ..extraction.extract import ExtractReport, each_item, extract, past_stored
from ..extraction.pool import DecodingPool
from ..features.store import FeatureStore, Shelf
from ..types import VideoRecord
from ..urls import full_name
from .context import TELL_EVERY, Context
from .events import Events, duration, megabytes
from .pace import Pace

if TYPE_CHECKING:
    from ..extraction.engine import Compute
    from ..extraction.extract import Elsewhere
    from ..extraction.loaded import LoadedStream

Records = Sequence[VideoRecord] | DatasetReading
SHUFFLED = 4096  # records


class ExtractionWork:
    """One extraction of several streams: what is asked of the records, and what went wrong with them."""

    def __init__(self, records: Records, context: Context, when_identified: Callable[[], None]):
        self.records, self.context = records, context
        self.failures: list[tuple[VideoRecord, str, str]] = []  # record, stream or "file", reason
        self._unreadable: set[Path] = set()
        self._when_identified: Callable[[], None] | None = when_identified

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
        for text in (text for shelf in shelves for text in shelf.damaged()):
            events.warn(text)
        identified = context.identifying(shuffled(self.records))
        # Of a set that is still being read no copies are made.
        more = copies * sum(r.split == "train" for r in self.records) if copies else 0

        def count() -> tuple[int, bool]:
            return len(self.records) + more - len(self._unreadable), identified.complete

        def progress(done: int, total: int) -> None:
            if identified.complete:
                self._tell_identified()
            self._pace.progress(done, total)

        def look(number: int) -> None:
            if not number % TELL_EVERY:
                progress(number, count()[0])

        items = each_item(self._readable(identified), lambda r: copies if r.split == "train" else 0)
        try:
            reused, items = past_stored(items, shelves.__getitem__, look)
            first = next(items, None)
            if first is None:
                self._tell_identified()
                if context.store.in_bucket:  # what an interrupted one has left
                    self._pack(shelves)
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
                forecast=partial(_foretell, events=events, store=context.store),
                unchanged=lambda item: context.remembered.same(item.record.path, item.record.content or ""),
                stop=identified.stop,
            )
        finally:
            identified.stop()
        self._tell_identified()
        self._pack(shelves)
        self.failures += [(record, stream.name, reason) for record, reason in report.failed]
        return report

    def _pack(self, shelves: Iterable[Shelf]) -> None:
        for shelf in shelves:
            shelf.finish()

    def settle(self, streams: Iterable[str]) -> Sequence[VideoRecord]:
        """Bring quarantine.csv up to date; all records, in their order."""
        records = all_of(self.records)
        quarantine = self.context.store.quarantine
        seen = ((*place_of(r), stream) for r in records for stream in (*streams, "file"))
        quarantine.settle({(*place_of(r), stream, reason) for r, stream, reason in self.failures}, seen)
        self.context.remembered.close()
        self.context.store.settle()
        if self.failures:
            where = self.context.store.origin / quarantine.path.name
            self.context.events.note(f"files that could not be read, with reasons: {where}")
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
        self.context.store.quarantine.add((*place_of(record), stream, reason))

    def _tell_identified(self) -> None:
        if self._when_identified is not None:
            tell, self._when_identified = self._when_identified, None
            tell()


def all_of(records: Records) -> Sequence[VideoRecord]:
    """All records, in their order; of a dataset that is being read, when it is."""
    return records.dataset().records if isinstance(records, DatasetReading) else records


def place_of(record: VideoRecord) -> tuple[str, str]:
    """What a record is called in quarantine.csv: its file and the part of it."""
    return full_name(record.path), record.part


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


def _foretell(seconds: float, size: int, *, events: Events, store: FeatureStore) -> None:
    """Say how long the rest will take and how much disk the whole; warn where the disk is too small."""
    events.note(f"about {duration(seconds)} to go, {megabytes(size)} in {store.origin}")
    if store.in_bucket:
        return
    free = shutil.disk_usage(store.root).free
    if free < size:
        events.warn(
            f"only {megabytes(free)} are free there; stop, then free space or choose another --features"
        )
