"""Fill the store with what it lacks of one stream of many videos, by worker processes."""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..buckets.ahead import fetched_ahead
from ..errors import WorkError
from ..features.sequence_file import SequenceWriter
from ..features.store import FeatureStore, Shelf
from ..keys import video_key
from ..media.container import shown
from ..resources import Resources
from ..streams.base import StreamSettings, Task
from ..types import VideoRecord
from .cluster.answers import Place
from .commit import CHANGED, committed
from .engine import Compute, Done, sequences
from .messages import Finished, Job, Message
from .pool import DecodingPool

Progress = Callable[[int, int], None]
# Seconds that are left, and bytes that all of it will take.
Forecast = Callable[[float, int], None]
# How many items there are so far, and whether that is all.
Count = Callable[[], tuple[int, bool]]
_FIRST = 3  # videos, and twice as many as there are workers: what the first ones take foretells the rest


@dataclass(frozen=True, slots=True)
class ExtractItem:
    """One video to extract, as augmented version `variant`; its record has the content of its file."""

    record: VideoRecord
    key: str
    variant: int = 0


@dataclass(slots=True)
class ExtractReport:
    """What one extraction did: counts of sequences, failures as (record, reason), notes counted, seconds."""

    stream: str
    fingerprint: str
    extracted: int = 0
    reused: int = 0
    steps: int = 0
    seconds: float = 0.0
    failed: list[tuple[VideoRecord, str]] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    def count(self, done: Done[Any]) -> None:
        """Count one video that has ended; those that failed are listed at the end."""
        if done.end.skipped:
            self.reused += 1
        elif done.sink is not None:
            self.extracted += 1
            self.steps += done.sink.steps
            for note in done.end.notes:
                self.notes[note] = self.notes.get(note, 0) + 1


@runtime_checkable
class Elsewhere(Protocol):
    """What decodes, computes and stores videos on other machines (`cluster.driver.Remote`)."""

    dim: int

    def videos(
        self, jobs: Iterable[Job], place_of: Callable[[int], Place | None]
    ) -> Generator[Done[Any], None, None]:
        """Compute videos to their places; yields each as it ends, its sink a `cluster.answers.Result`."""


def items_of(
    records: Iterable[VideoRecord], digests: Mapping[Path, str], variants: Callable[[VideoRecord], int]
) -> list[ExtractItem]:
    """One item per readable record and version; `variants(record)` says how many augmented versions."""
    known = (replace(record, content=digests.get(record.path)) for record in records)
    return list(each_item(known, variants))


def each_item(
    records: Iterable[VideoRecord], variants: Callable[[VideoRecord], int]
) -> Iterator[ExtractItem]:
    """As `items_of`, one by one as the records come, with their content; those without are left out."""
    for record in records:
        if record.content is not None:
            for variant in range(variants(record) + 1):
                yield ExtractItem(record, video_key(record.content, record, variant), variant)


def past_stored(
    items: Iterable[ExtractItem], shelf_of: Callable[[int], Shelf], tell: Callable[[int], None]
) -> tuple[int, Iterator[ExtractItem]]:
    """How many items stand before the first that the store lacks, and the rest of them from there."""
    items, number = iter(items), 0
    for number, item in enumerate(items):
        if item.key not in shelf_of(item.variant):
            return number, chain([item], items)
        tell(number + 1)
    return number + 1, iter(())


class Missing(Iterator[Job]):
    """Jobs for those items whose features the store lacks, as the items come; counts the others in `report`.

    One thread at a time may ask for jobs, while another tells what became of them.
    """

    def __init__(
        self,
        items: Iterable[ExtractItem],
        shelf_of: Callable[[int], Shelf],
        cache: Path | None,
        report: ExtractReport,
        before: int,
    ):
        self._items, self._shelf_of, self._cache, self._report = iter(items), shelf_of, cache, report
        self._at_work: dict[int, ExtractItem] = {}
        # Files of one content share a key: the first is computed, and what becomes of it holds for all.
        self._copies: dict[str, list[VideoRecord]] = {}
        self._failed: dict[str, tuple[Path, str]] = {}
        self._lock = threading.Lock()
        self.given, self.looked_at, self.ended = 0, before, before
        report.reused = before

    def __next__(self) -> Job:
        for item in self._items:
            with self._lock:
                self.looked_at += 1
                if item.key in self._copies:
                    self._copies[item.key].append(item.record)
                elif item.key in self._failed:
                    self._fail(item)
                elif self.lacks(item):
                    return self._job(item)
                else:
                    self._report.reused += 1
                    self.ended += 1
        raise StopIteration

    def lacks(self, item: ExtractItem) -> bool:
        """Whether the store lacks an item's features."""
        return item.key not in self._shelf_of(item.variant)

    def item(self, number: int) -> ExtractItem:
        """The item of a job that has not ended."""
        return self._at_work[number]

    def end(self, number: int, error: str | None) -> None:
        """A job has ended, and with it the copies of its file."""
        with self._lock:
            item = self._at_work.pop(number)
            copies = self._copies.pop(item.key)
            self.ended += 1
            if error is not None:
                self._failed[item.key] = item.record.path, error
                self._report.failed.append((item.record, error))
            for record in copies:
                if error is not None:
                    self._fail(replace(item, record=record))
                else:
                    self._report.reused += 1
                    self.ended += 1

    def _job(self, item: ExtractItem) -> Job:
        self._at_work[self.given] = item
        self._copies[item.key] = []
        self.given += 1
        return Job(item.record, Task(item.key, item.variant, self._cache))

    def _fail(self, copy: ExtractItem) -> None:
        path, error = self._failed[copy.key]
        # As if it had been read itself: what is told does not depend on which of them came first.
        self._report.failed.append((copy.record, error.replace(shown(path), shown(copy.record.path))))
        self.ended += 1


def extract(
    items: Iterable[ExtractItem],
    stream: StreamSettings,
    compute: Compute | Elsewhere,
    store: FeatureStore,
    shelf_of: Callable[[int], Shelf],
    resources: Resources,
    pool: DecodingPool,
    *,
    workers: int,
    before: int = 0,
    count: Count | None = None,
    progress: Progress | None = None,
    on_failure: Callable[[VideoRecord, str], None] | None = None,
    forecast: Forecast | None = None,
    unchanged: Callable[[ExtractItem], bool] = lambda item: True,
    stop: Callable[[], None] = lambda: None,
) -> ExtractReport:
    """Compute what the store lacks. Safe to stop at any moment and to start again.

    `items` may come while others are computed, after `before` that the store has; `count` then says how many
    there are so far, and whether that is all, and `stop` makes who waits for the next one go on without it.
    Videos are decoded by `pool` and computed by `compute`, or both `Elsewhere`. `shelf_of(variant)` gives the
    shelf of each augmented version. `forecast` is told once, after the first videos, what to expect.
    `unchanged` is asked before features are kept here: where the file is another one by now, they are not. A
    file that cannot be read is told to `on_failure` at once and ends up in the report; the rest goes on.
    Raises `WorkError` on a full disk.
    """
    report = ExtractReport(shelf_of(0).stream, shelf_of(0).fingerprint)
    if count is None:
        items = list(items)
        count = partial(_counted, before + len(items))
    started = time.monotonic()
    # What other machines compute for a bucket they bring back: they share no folder.
    back = store.in_bucket and isinstance(compute, Elsewhere)
    missing = Missing(items, shelf_of, None if back else store.root, report, before)
    first_ones = max(_FIRST, 2 * workers)

    def computed() -> Generator[Done[Any], None, None]:
        if isinstance(compute, Elsewhere):
            return _computed_elsewhere(missing, compute, shelf_of, unchanged, back=back)
        jobs = fetched_ahead(missing, lambda job: job.record.path, workers)
        messages = pool.results(
            stream,
            resources,
            jobs,
            lambda n: missing.lacks(missing.item(n)),
            workers=workers,
            resizes_later=compute.resizes,
            mover=compute.mover,
        )
        return _computed(missing, messages, compute, shelf_of, unchanged)

    with _disk_of(store), closing(computed()) as videos, ExitStack() as leaving:
        leaving.callback(stop)
        for ended, done in enumerate(videos, start=1):
            item, error = missing.item(done.number), done.end.error
            missing.end(done.number, error)
            report.count(done)
            if error is not None and on_failure:
                on_failure(item.record, error)
            total, all_came = count()
            if progress:
                progress(missing.ended, total)
            if forecast and all_came and first_ones <= ended and missing.ended < total and report.extracted:
                share = missing.given / missing.looked_at
                left = missing.given - ended + share * (total - missing.looked_at)
                steps = report.steps / report.extracted * (ended + left)
                forecast((time.monotonic() - started) / ended * left, round(4 * compute.dim * steps))
                forecast = None
    report.failed = list(dict.fromkeys(report.failed))
    report.seconds = time.monotonic() - started
    return report


def _counted(number: int) -> tuple[int, bool]:
    return number, True


def _computed(
    missing: Missing,
    messages: Generator[tuple[int, Message], None, None],
    compute: Compute,
    shelf_of: Callable[[int], Shelf],
    unchanged: Callable[[ExtractItem], bool],
) -> Generator[Done[Any], None, None]:
    """The videos as they end, each in its file where it did not fail."""

    def open_writer(number: int) -> SequenceWriter:
        item = missing.item(number)
        return shelf_of(item.variant).writer(item.key, compute.dim)

    def same(number: int) -> bool:
        return unchanged(missing.item(number))

    def stored(number: int, size: int) -> None:
        shelf_of(missing.item(number).variant).stored(size)

    with closing(messages), closing(sequences(messages, compute, open_writer)) as videos:
        yield from committed(videos, same, stored, ahead=compute.at_once > 1)


def _computed_elsewhere(
    missing: Missing,
    compute: Elsewhere,
    shelf_of: Callable[[int], Shelf],
    unchanged: Callable[[ExtractItem], bool],
    *,
    back: bool,
) -> Generator[Done[Any], None, None]:
    """The videos as they end. They are in the store already, or come `back` and are put into it.

    Features of a file that has changed are taken out.
    """

    def place_of(number: int) -> Place | None:
        item = missing.item(number)
        return None if back else Place(shelf_of(item.variant), item.key)

    with closing(compute.videos(missing, place_of)) as videos:
        for done in videos:
            item = missing.item(done.number)
            shelf = shelf_of(item.variant)
            if done.sink is not None and not unchanged(item):
                shelf.path(item.key).unlink(missing_ok=True)
                done = Done(done.number, None, Finished(error=CHANGED))
            elif done.sink is not None and back:
                shelf.put(item.key, done.sink.sequence())
            yield done


@contextmanager
def _disk_of(store: FeatureStore) -> Iterator[None]:
    """One line for a disk that is full or cannot be written to."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise WorkError(
            f"cannot write features to {store.root} ({reason}); free some space, then start again"
        ) from None
