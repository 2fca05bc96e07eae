"""A session: order, what is counted, how it ends, and what an overload does to whole steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinema.errors import MediaError
from kinema.live.items import Ended, Gap, Item, Lost, Restored, Shot, Sound
from kinema.live.model import LiveModel
from kinema.live.recogniser import LiveRecogniser
from kinema.live.session import Session
from kinema.live.source import source_of
from support.live import CLIP, GRU, RATE, SEGMENTS, SOUND, untrained


class Script:
    """A source that says what it is told to, at once."""

    name = "script"

    def __init__(self, items: list[Item], error: Exception | None = None):
        self.script, self.error = items, error

    def check(self) -> None:
        pass

    def items(self, stopped: threading.Event, sample_rate: int | None) -> Iterator[Item]:
        yield from self.script
        if self.error:
            raise self.error


def shots(count: int, start: float = 0.0) -> list[Item]:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    return [Shot(start + i / 25, time.monotonic(), lambda: noise) for i in range(count)]


def test_a_played_file_says_what_is_fed(moving: Path) -> None:
    run = untrained({"rgb": CLIP, "audio": SOUND}, GRU, fusion={"kind": "concat"})
    session = Session(LiveRecogniser(run, horizon_seconds=1.0), source_of(str(moving)), max_delay=30.0)
    events = list(session.events())
    summary = session.summary()
    decisions = [d for e in events for d in e.reports]
    assert (summary["frames"], summary["dropped"], summary["reconnected"]) == (75, 0, 0)
    assert summary["decisions"] == len(decisions) - len(events[-1].reports)
    assert summary["seconds"] == pytest.approx(74 / 25)
    assert 0 < summary["delay_ms"]["p50"] <= summary["delay_ms"]["p99"] <= summary["delay_ms"]["max"]
    assert any(isinstance(e.item, Sound) for e in events)
    assert isinstance(events[-1].item, Ended)
    assert decisions[-1].spans["audio"][1] > 2


def test_after_a_loss_everything_begins_anew() -> None:
    script = [*shots(20), Lost("cut", 0.1), Restored(1.0), *shots(20, 2.0)]
    session = Session(LiveRecogniser(untrained({"rgb": CLIP}), rule="never"), Script(script), max_delay=30.0)
    decisions = [d for e in session.events() for d in e.reports]
    before = [d.spans["rgb"] for d in decisions if d.seconds < 1]
    after = [d.spans["rgb"] for d in decisions if d.seconds >= 2]
    assert before == after == [(0, n) for n in range(1, 10)]
    assert {d.start_seconds for d in decisions if d.seconds >= 2} == {2.0}


def test_too_many_frames_are_dropped_in_whole_steps() -> None:
    """All frames come at once: the first step is finished, and the frames that wait behind it are gone."""
    session = Session(LiveRecogniser(untrained({"rgb": SEGMENTS})), Script(shots(200)), max_delay=0.5)
    events = list(session.events())
    decisions = [d for e in events for d in e.reports]
    summary = session.summary()
    assert summary["frames"] == 200
    assert summary["dropped"] > 150
    assert len(decisions) >= 1
    for event in events:
        for decision in event.reports:
            assert isinstance(event.item, Shot | Ended)
            assert decision.seconds - decision.start_seconds < 0.5, "what was left out is in no decision"
    assert any(isinstance(e.item, Gap) for e in events)


def test_an_error_of_the_source_comes_after_its_frames() -> None:
    session = Session(
        LiveRecogniser(untrained({"rgb": RATE})),
        Script(shots(10), MediaError("broken; replace it")),
        max_delay=9.0,
    )
    events = session.events()
    seen = [next(events) for _ in range(10)]
    assert all(isinstance(e.item, Shot) for e in seen)
    with pytest.raises(MediaError, match="broken"):
        list(events)


def test_who_asks_to_stop_gets_the_last_decision(moving: Path) -> None:
    session = Session(LiveRecogniser(untrained({"rgb": SEGMENTS})), source_of(str(moving)))
    events: list[Any] = []
    events.extend(iter(session.events(stop=lambda: len(events) >= 30)))
    assert len(events) == 31
    assert isinstance(events[-1].item, Ended)
    assert not any(t.name == "live source" and t.is_alive() for t in _after(1.0))


def _after(seconds: float) -> list[threading.Thread]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(t.name == "live source" for t in threading.enumerate()):
        time.sleep(0.02)
    return threading.enumerate()


def test_no_thread_reads_on_when_a_session_has_ended(moving: Path) -> None:
    session = Session(LiveRecogniser(untrained({"rgb": SEGMENTS})), source_of(str(moving), loop=True))
    events = session.events()
    next(events)
    events.close()
    assert "live source" not in {thread.name for thread in threading.enumerate()}


def test_models_refuse_what_is_no_frame() -> None:
    live: LiveModel = LiveRecogniser(untrained({"rgb": RATE}))
    with pytest.raises(ValueError, match="uint8"):
        live.feed(np.zeros((4, 4), np.uint8), 0.0)
    live.feed(np.zeros((4, 4, 3), np.uint8), 1.0)
    with pytest.raises(ValueError, match="must not decrease"):
        live.feed(np.zeros((4, 4, 3), np.uint8), 0.5)


def test_a_turned_camera_breaks_nothing() -> None:
    live = LiveRecogniser(untrained({"rgb": CLIP}))
    found = []
    for number in range(20):
        shape = (48, 64, 3) if number < 10 else (64, 48, 3)
        found += live.feed(np.zeros(shape, np.uint8), number / 25)
    assert len(found) == 8, "four windows of three frames, two apart, of each"


def test_frames_are_made_only_where_they_are_wanted() -> None:
    live, made = LiveRecogniser(untrained({"rgb": RATE})), 0

    def make() -> np.ndarray:
        nonlocal made
        made += 1
        return np.zeros((48, 64, 3), np.uint8)

    for number in range(50):
        live.feed(make, number / 25)
    assert made == 16


def test_warming_up_leaves_no_trace() -> None:
    run = untrained({"rgb": CLIP, "audio": SOUND}, GRU, fusion={"kind": "concat"})
    cold, warm = LiveRecogniser(run), LiveRecogniser(run)
    warm.warm_up()
    pictures = np.random.default_rng(1).integers(0, 255, (12, 48, 64, 3), dtype=np.uint8)
    for number, picture in enumerate(pictures):
        a, b = (live.feed(picture, number / 25) for live in (cold, warm))
        assert [d.as_json() for d in a] == [d.as_json() for d in b]
