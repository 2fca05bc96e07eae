"""A stream that may be lost: tried again with growing pauses, for as long as it is wanted."""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from ..errors import MediaError
from .items import Item, Lost, Restored, Shot, Sound

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0

# Frames and sound of one connection, on its own clock from 0 on. It returns whether that was all there is;
# where it ends otherwise, or raises `MediaError`, the stream is lost.
Connection = Generator[Shot | Sound, None, bool]


def reconnecting(
    connect: Callable[[], Connection],
    stopped: threading.Event,
    pauses: tuple[float, float] = (FIRST_PAUSE, LONGEST_PAUSE),
) -> Iterator[Item]:
    """The items of one connection after the other, on one clock that goes on while there is none."""
    pause, last = pauses[0], 0.0
    lost: float | None = None
    began: float | None = None
    while not stopped.is_set():
        connection, origin = connect(), None
        reason = "it ended"
        try:
            while True:
                item = next(connection)
                if origin is None:
                    began = item.arrived if began is None else began
                    origin = max(item.arrived - began, last) - item.seconds
                    if lost is not None:
                        yield Restored(time.monotonic() - lost)
                    lost, pause = None, pauses[0]
                last = max(last, origin + item.seconds)
                yield replace(item, seconds=origin + item.seconds)
        except StopIteration as end:
            if end.value:
                return
        except MediaError as error:
            reason = str(error)
        finally:
            connection.close()
        lost = lost or time.monotonic()
        yield Lost(reason, pause)
        stopped.wait(pause)
        pause = min(2 * pause, pauses[1])
