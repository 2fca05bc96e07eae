"""Looking at videos of one's own: their shapes, frames and times of frames, in processes that may fail."""

import threading
from pathlib import Path
from typing import TypeVar

from ...media.seek import Shape
from ..decoders import Decoders, Lease
from ..messages import Counted, Job, Look, Seen, Shown, Still, Times

T = TypeVar("T")
WORK_SECONDS = 120.0


class Looking:
    """Asks one decoding process at a time, so that it is mostly the same one, which has the file open.

    Every method blocks; raises `MediaError` for a file that cannot be read.
    """

    def __init__(self, decoders: Decoders):
        self._decoders = decoders
        self._turn = threading.Lock()
        self._shapes: dict[tuple[Path, int], Shape] = {}

    def shape(self, path: Path) -> Shape:
        """Length, rate and size; looked up once, until the file changes."""
        key = path, path.stat().st_mtime_ns
        if key not in self._shapes:
            self._shapes[key] = self._answer(Look(path), Seen).shape
        return self._shapes[key]

    def still(self, path: Path, seconds: float, lines: int) -> Shown:
        """The frame that is on at `seconds`."""
        return self._answer(Still(path, seconds, lines), Shown)

    def times(self, path: Path, start: float, end: float) -> tuple[float, ...]:
        """Times of frames."""
        return self._answer(Times(path, start, end), Counted).seconds

    def _answer(self, job: Job, kind: type[T]) -> T:
        lease = Lease(WORK_SECONDS)
        with self._turn, self._decoders.process(lease) as ask:
            lease.start()
            try:
                (found,) = (message for message in ask(job) if isinstance(message, kind))
            finally:
                lease.cancel()
        return found
