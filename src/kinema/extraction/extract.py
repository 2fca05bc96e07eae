"""Fill the store with what it lacks of one stream of many videos, by worker processes."""

import os
import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..errors import KinemaError, WorkError
from ..features.sequence_file import SequenceWriter
from ..features.store import FeatureStore, Shelf
from ..keys import video_key
from ..media.container import content_digest
from ..resources import Resources, cores
from ..streams.base import StreamSettings, Task
from ..types import VideoRecord
from .cluster.answers import Place
from .engine import Compute, Done, sequences
from .messages import Job, Message
from .pool import DecodingPool

Progress = Callable[[int, int], None]
# Seconds that are left, and bytes that all of it will take.
Forecast = Callable[[float, int], None]
_FIRST = 3  # videos, and twice as many as there are workers: what the first ones take foretells the rest


@dataclass(frozen=True, slots=True)
class ExtractItem:
    """One video to extract, as augmented version `variant`."""

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


def digest_files(paths: Iterable[Path]) -> tuple[dict[Path, str], dict[Path, str]]:
    """Content digest of every file, and the reason for every file that cannot be read."""
    digests: dict[Path, str] = {}
    unreadable: dict[Path, str] = {}

    def work(path: Path) -> None:
        try:
            digests[path] = content_digest(path)
        except KinemaError as error:
            unreadable[path] = str(error)

    pool = ThreadPoolExecutor(cores())
    try:
        list(pool.map(work, sorted(set(paths))))
    finally:  # after Ctrl-C: without waiting for the files that are being read
        pool.shutdown(wait=False, cancel_futures=True)
    return digests, unreadable


def items_of(
    records: Iterable[VideoRecord], digests: Mapping[Path, str], variants: Callable[[VideoRecord], int]
) -> list[ExtractItem]:
    """One item per readable record and version; `variants(record)` says how many augmented versions."""
    return [
        ExtractItem(record, video_key(digests[record.path], record, variant), variant)
        for record in records
        if record.path in digests
        for variant in range(variants(record) + 1)
    ]


def extract(
    items: Sequence[ExtractItem],
    stream: StreamSettings,
    compute: Compute | Elsewhere,
    store: FeatureStore,
    shelf_of: Callable[[int], Shelf],
    resources: Resources,
    pool: DecodingPool,
    *,
    workers: int,
    progress: Progress | None = None,
    on_failure: Callable[[VideoRecord, str], None] | None = None,
    forecast: Forecast | None = None,
) -> ExtractReport:
    """Compute what the store lacks. Safe to stop at any moment and to start again.

    Videos are decoded by `pool` and computed by `compute`, or both `Elsewhere`. `shelf_of(variant)` gives the
    shelf of each augmented version. `forecast` is told once, after the first videos, what to expect. A file
    that cannot be read is told to `on_failure` at once and ends up in the report; the rest goes on. Raises
    `WorkError` on a full disk.
    """
    report = ExtractReport(shelf_of(0).stream, shelf_of(0).fingerprint)
    started = time.monotonic()
    missing = {i.key: i for i in items if i.key not in shelf_of(i.variant)}
    report.reused = sum(i.key not in missing for i in items)
    todo = list(missing.values())
    # Each process walks in an order of its own, so that several that share a store seldom meet.
    random.Random(f"{os.getpid()}-{time.time_ns()}").shuffle(todo)
    first_ones = max(_FIRST, 2 * workers)
    failed: dict[str, str] = {}
    jobs = [Job(i.record, Task(i.key, i.variant, store.root)) for i in todo]
    computed: Generator[Done[Any], None, None]
    if isinstance(compute, Elsewhere):
        computed = compute.videos(jobs, lambda n: Place(shelf_of(todo[n].variant), todo[n].key))
    else:
        messages = pool.results(
            stream,
            resources,
            jobs,
            lambda n: todo[n].key not in shelf_of(todo[n].variant),
            workers=workers,
        )
        computed = _computed(todo, messages, compute, shelf_of)
    with _disk_of(store), closing(computed):
        for ended, done in enumerate(computed, start=1):
            report.count(done)
            if done.end.error is not None:
                failed[todo[done.number].key] = done.end.error
                if on_failure:
                    on_failure(todo[done.number].record, done.end.error)
            if progress:
                progress(ended, len(todo))
            if forecast and first_ones <= ended < len(todo) and report.extracted:
                left = (time.monotonic() - started) / ended * (len(todo) - ended)
                forecast(left, round(4 * compute.dim * report.steps / report.extracted * len(todo)))
                forecast = None
    report.failed = list(dict.fromkeys(_failures(items, missing, failed)))
    report.seconds = time.monotonic() - started
    return report


def _computed(
    todo: Sequence[ExtractItem],
    messages: Generator[tuple[int, Message], None, None],
    compute: Compute,
    shelf_of: Callable[[int], Shelf],
) -> Generator[Done[Any], None, None]:
    """The videos as they end, each in its file where it did not fail."""

    def open_writer(number: int) -> SequenceWriter:
        return shelf_of(todo[number].variant).writer(todo[number].key, compute.dim)

    with closing(messages), closing(sequences(messages, compute, open_writer)) as videos:
        for done in videos:
            if done.sink is not None:
                done.sink.commit()
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


def _failures(
    items: Sequence[ExtractItem], missing: dict[str, ExtractItem], failed: dict[str, str]
) -> Iterator[tuple[VideoRecord, str]]:
    """Identical files fail together: files of one content share one key."""
    for item in items:
        reason = failed.get(item.key)
        if reason is not None:
            same = item.record.path == missing[item.key].record.path
            yield item.record, reason if same else f"same content as another file: {reason}"
