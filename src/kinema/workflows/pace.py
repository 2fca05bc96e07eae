"""How an extraction goes, for people: videos a second and failures beside the bar."""

import time

from .events import Events


class Pace:
    """Tells `events` how far the work is, how fast it goes, and how many have `failed`."""

    def __init__(self, events: Events):
        self._events, self._started = events, time.monotonic()
        self.failed = 0

    def progress(self, done: int, total: int) -> None:
        """`done` of `total` videos have ended."""
        pace = done / max(time.monotonic() - self._started, 1e-9)
        self._events.beside(f"{pace:.3g} videos/s" + (f", {self.failed} failed" if self.failed else ""))
        self._events.progress(done, total)
