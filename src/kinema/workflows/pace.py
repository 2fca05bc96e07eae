"""How an extraction goes, for people: videos a second and failures beside the bar."""

import time

from .events import Events


class Pace:
    """Counts videos and failures, and tells `events` of both."""

    def __init__(self, events: Events):
        self._events, self._started, self._failed = events, time.monotonic(), 0

    def fail(self) -> None:
        """One video has failed."""
        self._failed += 1

    def progress(self, done: int, total: int) -> None:
        """`done` of `total` videos have ended."""
        pace = done / max(time.monotonic() - self._started, 1e-9)
        self._events.beside(f"{pace:.3g} videos/s" + (f", {self._failed} failed" if self._failed else ""))
        self._events.progress(done, total)
