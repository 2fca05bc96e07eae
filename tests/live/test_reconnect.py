"""A stream that is lost again and again: growing pauses, one clock, an end where it is one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np

from kinema.errors import MediaError
from kinema.live.items import Item, Lost, Restored, Shot
from kinema.live.reconnect import Connection, reconnecting

PAUSES = (0.01, 0.04)


def connection(frames: int, error: str | None = None, *, complete: bool = False) -> Connection:
    """So many frames at 100 a second, then an error, an end, or the end."""
    for number in range(frames):
        yield Shot(number / 100, time.monotonic(), lambda: np.zeros((1, 1, 3), np.uint8))
    if error:
        raise MediaError(error)
    return complete


def played(*connections: Connection, stopped: threading.Event | None = None) -> list[Item]:
    rest: Iterator[Connection] = iter(connections)
    return list(reconnecting(lambda: next(rest), stopped or threading.Event(), PAUSES))


def test_an_announced_end_is_the_end() -> None:
    items = played(connection(3, complete=True))
    assert [type(i).__name__ for i in items] == ["Shot"] * 3


def test_pauses_grow_up_to_a_limit_and_begin_anew_with_a_frame() -> None:
    items = played(
        *(connection(0, f"{n}") for n in range(4)), connection(1), connection(0), connection(2, complete=True)
    )
    assert [i.pause for i in items if isinstance(i, Lost)] == [0.01, 0.02, 0.04, 0.04, 0.01, 0.02]
    assert [i.reason for i in items if isinstance(i, Lost)] == ["0", "1", "2", "3", "it ended", "it ended"]


def test_one_clock_goes_on_while_there_is_no_stream() -> None:
    items = played(connection(3, "cut"), connection(0, "refused"), connection(3, complete=True))
    seconds = [i.seconds for i in items if isinstance(i, Shot)]
    np.testing.assert_allclose(seconds[:3], [0, 0.01, 0.02])
    np.testing.assert_allclose(np.diff(seconds[3:]), 0.01)
    (restored,) = (i for i in items if isinstance(i, Restored))
    assert restored.outage >= 0.03
    assert seconds[3] >= restored.outage - 0.01, "frames were decoded at once, the pauses took their time"


def test_who_is_stopped_does_not_try_again() -> None:
    stopped, items = threading.Event(), []
    for item in reconnecting(lambda: connection(1, "cut"), stopped, (5.0, 5.0)):
        items.append(item)
        if isinstance(item, Lost):
            stopped.set()
    assert len(items) == 2
