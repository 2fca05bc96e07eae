"""The content of files as a stream: records come, and their files are read in threads, ahead of who asks."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ..errors import MediaError
from ..features.digests import Digests
from ..resources import cores
from ..types import VideoRecord
from ..urls import in_bucket

# How far reading runs ahead: what was read last is still in the system's cache when it is decoded.
AHEAD_FILES, AHEAD_BYTES = 4096, 1 << 30
_BATCH = 256
_FETCHING = 16  # threads for objects in buckets: most of their time is waiting


@dataclass(slots=True)
class Contents:
    """What is known of files by path: digests, and why others cannot be read."""

    digests: dict[Path, str] = field(default_factory=dict)
    unreadable: dict[Path, str] = field(default_factory=dict)

    def __contains__(self, path: Path) -> bool:
        return path in self.digests or path in self.unreadable


class Identified(Iterator[VideoRecord]):
    """Records in the order given, each as soon as `contents` knows its file. A file is read once.

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
        self._look_ahead()
        if not self._waiting or self._stopped.is_set():
            self.stop()
            self._digests.close()
            raise StopIteration
        record = self._waiting.popleft()
        if record.path in self._reading:
            self._wait(record.path)
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
            unknown = {
                r.path: None for r in records if r.path not in self.contents and r.path not in self._reading
            }
            self.contents.digests |= self._digests.known(list(unknown))
            for path in unknown:
                if path not in self.contents.digests and not self._stopped.is_set():
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
            self.contents.digests[path] = self._digests.read(path)
        except MediaError as error:
            self.contents.unreadable[path] = str(error)
