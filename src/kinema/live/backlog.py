"""Frames between the source and the recogniser: how many may wait, and what is dropped.

The rule: frames wait for `most_seconds` at most, and always as many as one step needs. What comes on top is
dropped. When the recogniser is done with the step under way, all that still waits is dropped too, and it
goes on with the newest frame. So no clip spans a gap, and every step that was begun is finished. Sound costs
little and is never dropped.
"""

import threading
from collections import deque

from .items import Gap, Item, Shot


class Backlog:
    """A queue from one thread to another. `dropped` and `taken` count frames."""

    def __init__(self, most_seconds: float, least_frames: int):
        self.most_seconds, self.least_frames = most_seconds, least_frames
        self.dropped = self.taken = 0
        self._items: deque[Item] = deque()
        self._shots: deque[Shot] = deque()
        self._behind = False
        self._changed = threading.Condition()

    def put(self, item: Item) -> None:
        """Add what the source says next, or drop it."""
        with self._changed:
            if isinstance(item, Shot):
                if self._behind or self._full(item):
                    self._behind = True
                    self.dropped += 1
                    return
                self._shots.append(item)
            self._items.append(item)
            self._changed.notify()

    def take(self, timeout: float) -> Item | None:
        """The next item; None where none came in `timeout` seconds."""
        with self._changed:
            if not self._items:
                self._changed.wait(timeout)
            if not self._items:
                return None
            item = self._items.popleft()
            if isinstance(item, Shot):
                self._shots.popleft()
                self.taken += 1
                if self._behind and not self._shots:
                    self._leave_gap()
            return item

    def step_done(self) -> None:
        """The recogniser has finished a step: if it is behind, it goes on with the newest frame."""
        with self._changed:
            if self._behind:
                self.dropped += len(self._shots)
                self._shots.clear()
                self._items = deque(item for item in self._items if not isinstance(item, Shot))
                self._leave_gap()

    def _full(self, newest: Shot) -> bool:
        waits = newest.seconds - self._shots[0].seconds if self._shots else 0.0
        return len(self._shots) >= self.least_frames and waits >= self.most_seconds

    def _leave_gap(self) -> None:
        self._behind = False
        self._items.append(Gap())
