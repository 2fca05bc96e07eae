"""The content of files as a stream: records come, and their files are read in threads, ahead of who asks."""

import threading
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np

from ..errors import MediaError
from ..features.digests import Digests
from ..resources import cores
from ..types import VideoRecord
from ..urls import in_bucket

# How far reading runs ahead: what was read last is still in the system's cache when it is decoded.
AHEAD_FILES, AHEAD_BYTES = 4096, 1 << 30
# Digests that are kept of a set of any size: more than are read ahead, and drawn from (`shuffled`).
RECENT_FILES = 4 * AHEAD_FILES
_BATCH = 256
_FETCHING = 16  # threads for objects in buckets: most of their time is waiting


@dataclass(slots=True)
class Contents:
    """What is known of files by path: digests, and why others cannot be read.

    Where there is a `limit`, the last so many digests are kept, or a few more, and of all files 16 bytes
    each, by which those of one content are found.
    """

    digests: dict[Path, str] = field(default_factory=dict)
    unreadable: dict[Path, str] = field(default_factory=dict)
    limit: int | None = None
    # Of each file: the first 8 bytes of its digest, and a hash of its path.
    _marks: "array[int]" = field(default_factory=lambda: array("Q"), repr=False)

    def __contains__(self, path: Path) -> bool:
        return path in self.digests or path in self.unreadable

    def learn(self, digests: Mapping[Path, str]) -> None:
        """Digests of more files. Any thread may call."""
        self.digests |= digests
        if self.limit is not None:
            for path, digest in digests.items():
                self._marks.extend((int(digest[:16], 16), _mark(path)))
            if len(self.digests) > 2 * self.limit:
                for path in list(self.digests)[: -self.limit]:
                    self.digests.pop(path, None)

    def copies(self) -> Callable[[Path], bool] | None:
        """Whether a file, of those that were ever learned, has the content of another one; None: none has.

        With a limit, it may be said of one that has not, once in 2^64 pairs.
        """
        if self.limit is None:
            often = Counter(self.digests.values())
            several = any(number > 1 for number in often.values())
            return (lambda path: often[self.digests.get(path, "")] > 1) if several else None
        contents, files = np.array(self._marks, np.uint64).reshape(-1, 2).T
        order = np.lexsort((files, contents))
        first, second = order[:-1], order[1:]
        apart = (contents[first] == contents[second]) & (files[first] != files[second])
        found = np.unique(files[np.isin(contents, contents[second[apart]])])

        def is_copy(path: Path) -> bool:
            place = int(np.searchsorted(found, np.uint64(_mark(path))))
            return place < len(found) and int(found[place]) == _mark(path)

        return is_copy if len(found) else None


def _mark(path: Path) -> int:
    return hash(str(path)) % (1 << 64)


class Identified(Iterator[VideoRecord]):
    """Records in the order given with their `content`, each as soon as that is known. A file is read once.

    Records that carry it are believed; those of files that cannot be read come without.

    One thread at a time may ask; any may `stop` it: the iteration then ends, without waiting for files that
    are being read.
    """

    def __init__(self, records: Iterable[VideoRecord], contents: Contents, digests: Digests):
        self.contents = contents
        self._digests, self._records = digests, iter(records)
        self._waiting: deque[VideoRecord] = deque()
        self._reading: dict[Path, tuple[Future[None], int]] = {}
        self._ahead = 0
        self._all_came = False
        self._pool: ThreadPoolExecutor | None = None
        self._stopped = threading.Event()

    @property
    def complete(self) -> bool:
        """Whether all records have come and all their files are known."""
        return self._all_came and all(future.done() for future, _ in self._reading.copy().values())

    def stop(self) -> None:
        """End the iteration."""
        self._stopped.set()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def __next__(self) -> VideoRecord:
        record = self._next()
        if record.content is not None:
            return record
        return replace(record, content=self.contents.digests.get(record.path))

    def read(self) -> Iterator[None]:
        """As iterating, for the contents alone."""
        with suppress(StopIteration):
            while True:
                self._next()
                yield

    def _next(self) -> VideoRecord:
        """The next record as it came, when the content of its file is known."""
        self._look_ahead()
        if not self._waiting or self._stopped.is_set():
            self.stop()
            self._digests.close()
            raise StopIteration
        record = self._waiting.popleft()
        path = record.path
        if record.content is not None:
            return record
        if path in self._reading:
            self._wait(path)
        if path not in self.contents:  # known when it was looked ahead, and forgotten since
            self._identify(path)
        return record

    def _wait(self, path: Path) -> None:
        future, size = self._reading[path]
        while not self._stopped.is_set():
            with suppress(TimeoutError, CancelledError):
                future.result(timeout=0.2)
                del self._reading[path]
                self._ahead -= size
                return
        raise StopIteration

    def _look_ahead(self) -> None:
        while not self._all_came and len(self._waiting) <= AHEAD_FILES - _BATCH and self._ahead < AHEAD_BYTES:
            records = list(islice(self._records, _BATCH))
            self._all_came = len(records) < _BATCH
            self._waiting += records
            carried = {r.path: r.content for r in records if r.content is not None}
            asked = dict.fromkeys(r.path for r in records if r.content is None)
            unknown = [path for path in asked if path not in self.contents and path not in self._reading]
            known = self._digests.known(unknown)
            self.contents.learn(carried | known)
            for path in unknown:
                if path not in known and not self._stopped.is_set():
                    self._read(path)

    def _read(self, path: Path) -> None:
        size = 0
        with suppress(OSError, ValueError):
            size = path.stat().st_size
        with suppress(RuntimeError):  # stopped meanwhile
            if self._pool is None:
                count = _FETCHING if in_bucket(path) else cores()
                self._pool = ThreadPoolExecutor(count, thread_name_prefix="digest")
            self._reading[path] = self._pool.submit(self._identify, path), size
            self._ahead += size

    def _identify(self, path: Path) -> None:
        try:
            self.contents.learn({path: self._digests.read(path)})
        except MediaError as error:
            self.contents.unreadable[path] = str(error)
