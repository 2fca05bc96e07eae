"""The extraction engine: decoding processes on one side, one compute thread on the other.

Batches are filled across videos and always padded to one size, so that a video's features depend on the
video and the settings alone: not on its neighbours, and not on where an earlier run was interrupted.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import KinemaError, WorkError
from ..features.keys import video_key
from ..features.sequence_file import SequenceWriter
from ..features.store import FeatureStore, Shelf
from ..media.digest import content_digest
from ..streams.source import Job, SourceConfig
from ..types import Clip, VideoRecord
from .messages import Finished
from .pool import DecodingPool

Progress = Callable[[int, int], None]


class Compute(Protocol):
    """The backbone half: up to `batch_size` steps in, one feature vector each out."""

    dim: int
    batch_size: int

    def __call__(self, inputs: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
        """Inputs of n steps, one array per backbone -> float32 [n, dim]."""
        ...


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


def digest_records(records: Iterable[VideoRecord]) -> tuple[dict[Path, str], dict[Path, str]]:
    """Content digest of every file, and the reason for every file that cannot be read."""
    digests: dict[Path, str] = {}
    unreadable: dict[Path, str] = {}

    def work(path: Path) -> None:
        try:
            digests[path] = content_digest(path)
        except KinemaError as error:
            unreadable[path] = str(error)
        except OSError as error:
            unreadable[path] = error.strerror or type(error).__name__

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        list(pool.map(work, sorted({r.path for r in records})))
    return digests, unreadable


def items_of(
    records: Iterable[VideoRecord], digests: dict[Path, str], variants: Callable[[VideoRecord], int]
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
    config: SourceConfig,
    compute: Compute,
    store: FeatureStore,
    shelf_of: Callable[[int], Shelf],
    *,
    workers: int,
    progress: Progress | None = None,
) -> ExtractReport:
    """Compute what the store lacks. Safe to stop at any moment and to start again.

    `shelf_of(variant)` gives the shelf of each augmented version. Files that cannot be read end up in the
    report and in quarantine.csv; the rest goes on. Raises `WorkError` on a full disk.
    """
    first = shelf_of(0)
    report = ExtractReport(first.stream, first.fingerprint)
    started = time.monotonic()
    missing = {i.key: i for i in items if i.key not in shelf_of(i.variant)}
    report.reused = sum(i.key not in missing for i in items)
    todo = list(missing.values())
    # Each process walks in an order of its own, so that several that share a store seldom meet.
    random.Random(f"{os.getpid()}-{time.time_ns()}").shuffle(todo)
    run = _Run(todo, compute, shelf_of, report)
    pool = DecodingPool(config, workers=workers, ahead=4 * compute.batch_size)
    jobs = [Job(i.record, i.key, i.variant, store.root / "motion") for i in todo]
    try:
        with closing(pool.results(jobs, lambda n: todo[n].key not in shelf_of(todo[n].variant))) as messages:
            for number, message in messages:
                run.take(number, message)
                if progress and isinstance(message, Finished):
                    progress(run.ended, len(todo))
            run.flush()
    except OSError as error:
        raise _cannot_go_on(store, error.strerror or str(error)) from None
    finally:
        run.discard()
    report.failed = list(dict.fromkeys(_failures(items, missing, run.failed)))
    report.seconds = time.monotonic() - started
    return report


def _failures(
    items: Sequence[ExtractItem], missing: dict[str, ExtractItem], failed: dict[str, str]
) -> Iterator[tuple[VideoRecord, str]]:
    """Files of one content share one key: what befell one of them befell all."""
    for item in items:
        reason = failed.get(item.key)
        if reason is not None:
            same = item.record.path == missing[item.key].record.path
            yield item.record, reason if same else f"same content as another file: {reason}"


def _cannot_go_on(store: FeatureStore, reason: str) -> WorkError:
    return WorkError(f"cannot write features to {store.root} ({reason}); free some space, then start again")


@dataclass(slots=True, eq=False)
class _Open:
    """A video on its way through the compute half; `waiting` counts its steps in the unfilled batch."""

    item: ExtractItem
    writer: SequenceWriter
    waiting: int = 0
    end: Finished | None = None


class _Run:
    """Batches across videos; writes each video as soon as its last step is computed."""

    def __init__(
        self,
        todo: list[ExtractItem],
        compute: Compute,
        shelf_of: Callable[[int], Shelf],
        report: ExtractReport,
    ):
        self.todo, self.compute, self.shelf_of, self.report = todo, compute, shelf_of, report
        self.open: dict[int, _Open] = {}
        self.batch: list[tuple[_Open, Clip]] = []
        self.failed: dict[str, str] = {}
        self.ended = 0

    def take(self, number: int, message: Clip | Finished) -> None:
        """Take one message of the pool."""
        if isinstance(message, Clip):
            self._take_clip(number, message)
            return
        if message.fatal:
            raise OSError(message.error)
        self.ended += 1
        if message.skipped:
            self.report.reused += 1
        elif message.error:
            self._drop(number, message.error)
        else:
            self._opened(number).end = message
            self._close_finished()

    def _take_clip(self, number: int, clip: Clip) -> None:
        video = self._opened(number)
        video.waiting += 1
        self.batch.append((video, clip))
        if len(self.batch) == self.compute.batch_size:
            self.flush()

    def _opened(self, number: int) -> _Open:
        if number not in self.open:
            item = self.todo[number]
            self.open[number] = _Open(item, self.shelf_of(item.variant).writer(item.key, self.compute.dim))
        return self.open[number]

    def _drop(self, number: int, reason: str) -> None:
        self.failed[self.todo[number].key] = reason
        video = self.open.pop(number, None)
        if video is not None:
            self.batch = [(v, clip) for v, clip in self.batch if v is not video]
            video.writer.discard()

    def flush(self) -> None:
        """Compute what is waiting, in one batch, and hand every video its steps."""
        batch, self.batch = self.batch, []
        if batch:
            features = self.compute([clip.inputs for _, clip in batch])
            for (video, clip), row in zip(batch, features, strict=True):
                self._check(video, row)
                video.writer.append(row[None], [clip.pts_seconds])
                video.waiting -= 1
        self._close_finished()

    def _check(self, video: _Open, row: np.ndarray) -> None:
        if not np.isfinite(row).all():
            raise WorkError(
                f"stream {self.report.stream}: features of {video.item.record.name} are not finite; "
                "check the backbone's weights"
            )

    def discard(self) -> None:
        """Drop what is half-written."""
        for video in self.open.values():
            video.writer.discard()

    def _close_finished(self) -> None:
        for number, video in list(self.open.items()):
            if video.end is not None and not video.waiting:
                video.writer.commit()
                del self.open[number]
                self._count(video, video.end.notes)

    def _count(self, video: _Open, notes: tuple[str, ...]) -> None:
        self.report.extracted += 1
        self.report.steps += video.writer.steps
        for note in notes:
            self.report.notes[note] = self.report.notes.get(note, 0) + 1
