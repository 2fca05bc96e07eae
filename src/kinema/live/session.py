"""A model at work on a source: one thread reads, this one computes, and what is too much is dropped."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .backlog import Backlog
from .items import Ended, Gap, Item, Lost, Restored, Shot, Sound
from .latency import Latencies
from .model import LiveModel
from .plan import clip_frames
from .source import Source

T = TypeVar("T")
# Seconds that frames may wait, where nothing else is said.
MOST_DELAY = 1.0
# How often a waiting session looks whether it is to stop.
_TURN_SECONDS = 0.1
# How long a source that was told to stop may take; one that hangs in a network is left behind.
_LEAVING_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Event(Generic[T]):
    """An item of the source and the reports that came of it; `delay` is how late they are, in seconds."""

    item: Item
    reports: list[T]
    delay: float = 0.0


class Session(Generic[T]):
    """`events` runs a model on a source until that ends or `stop` says so; `summary` tells how it went.

    max_delay: seconds that frames may wait, see `kinema.live.backlog`.
    """

    def __init__(self, model: LiveModel[T], source: Source, *, max_delay: float = MOST_DELAY):
        self.model, self.source = model, source
        whole = model.plan.seconds if model.plan.rule == "whole" else 0.0
        self.backlog = Backlog(max(max_delay, whole), clip_frames(model.run))
        self.delays = Latencies()
        self.losses = 0
        self.seconds = 0.0
        self._stopped = threading.Event()

    def events(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Event[T]]:
        """Every item in order. Raises what the source raised, after all that came before it."""
        reader = threading.Thread(target=self._read, name="live source", daemon=True)
        reader.start()
        try:
            while not stop():
                item = self.backlog.take(_TURN_SECONDS)
                if item is None:
                    continue
                yield self._handled(item)
                if isinstance(item, Ended):
                    if item.error is not None:
                        raise item.error
                    return
            yield Event(Ended(), self.model.close())
        finally:
            self._stopped.set()
            # A thread that still decodes when the program ends would bring it down.
            reader.join(_LEAVING_SECONDS)

    def summary(self) -> dict[str, Any]:
        """Seconds of stream, frames that came and were dropped, decisions, their delays in ms, losses."""
        at = {f"p{p}": round(1000 * self.delays.at(p), 1) for p in (50, 90, 99)}
        return {
            "seconds": round(self.seconds, 3),
            "frames": self.backlog.taken + self.backlog.dropped,
            "dropped": self.backlog.dropped,
            "decisions": self.delays.count,
            "delay_ms": {**at, "max": round(1000 * self.delays.longest, 1)},
            "reconnected": self.losses,
        }

    def _read(self) -> None:
        error: Exception | None = None
        try:
            for item in self.source.items(self._stopped, self.model.sample_rate):
                self.backlog.put(item)
        except Exception as fault:  # it belongs to the thread that asked
            error = fault
        self.backlog.put(Ended(error))

    def _handled(self, item: Item) -> Event[T]:
        reports: list[T] = []
        match item:
            case Shot():
                reports = self.model.feed(lambda: item.picture, item.seconds)
                self.seconds = item.seconds
            case Sound():
                reports = self.model.feed_audio(item.samples, item.seconds)
            case Gap():
                self.model.gap()
            case Restored():
                self.losses += 1
                self.model.reset()
            case Lost():
                pass
            case Ended():
                reports = self.model.close()
        delay = time.monotonic() - item.arrived if isinstance(item, Shot | Sound) else 0.0
        if reports and isinstance(item, Shot | Sound):
            self.delays.add(delay)
            self.backlog.step_done()
        return Event(item, reports, delay)
