"""One engine for many threads: every video has its own steps, whoever else is there."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kinema.errors import WorkError
from kinema.extraction.cluster.station import Station
from kinema.extraction.engine import SequenceBuffer
from kinema.extraction.messages import Finished, Message
from kinema.types import Clip


class Value:
    """A step is one number, and its feature twice that."""

    dim, at_once, batch_size, resizes, mover = 1, 1, 4, False, None

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, inputs: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
        self.calls.append(len(inputs))
        if any(value[0] < 0 for (value,) in inputs):
            raise WorkError("negative")
        return np.array([[2 * value[0]] for (value,) in inputs], np.float32)


def clips(values: Sequence[float], end: Finished = Finished()) -> Iterator[list[Message]]:
    for time, value in enumerate(values):
        yield [Clip(float(time), (np.array([value], np.float32),))]
    yield [end]


def test_videos_at_once_have_their_own_steps() -> None:
    compute = Value()
    station = Station(compute)
    wanted = [[10.0 * n + i for i in range(n % 7)] for n in range(30)]
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda v: station.video(clips(v), lambda: SequenceBuffer(1)), wanted))
    for one, values in zip(done, wanted, strict=True):
        assert isinstance(one.sink, SequenceBuffer)
        assert one.sink.sequence().data.ravel().tolist() == [2 * v for v in values]
    assert sum(compute.calls) == sum(map(len, wanted))
    station.close()


def test_a_batch_waits_for_who_still_brings_clips() -> None:
    """Two videos of two steps fill one batch of four, although one of them ends long before the other."""
    compute, goes_on = Value(), threading.Event()
    station = Station(compute)

    def slow() -> Iterator[list[Message]]:
        for group in clips([3, 4]):
            goes_on.wait(30)
            yield group

    with ThreadPoolExecutor(2) as threads:
        later = threads.submit(station.video, slow(), lambda: SequenceBuffer(1))
        first = threads.submit(station.video, clips([1, 2]), lambda: SequenceBuffer(1))
        threading.Timer(0.3, goes_on.set).start()
        assert first.result().sink.sequence().data.ravel().tolist() == [2, 4]
        assert later.result().sink.sequence().data.ravel().tolist() == [6, 8]
    assert compute.calls == [4]
    station.close()


def test_a_lost_decoder_costs_its_video_alone() -> None:
    station = Station(Value())

    def lost() -> Iterator[list[Message]]:
        yield [Clip(0.0, (np.array([5], np.float32),))]
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        station.video(lost(), lambda: SequenceBuffer(1))
    done = station.video(clips([1]), lambda: SequenceBuffer(1))
    assert done.sink.sequence().data.ravel().tolist() == [2]
    failed = station.video(clips([7], Finished(error="broken")), lambda: SequenceBuffer(1))
    assert (failed.sink, failed.end.error) == (None, "broken")
    station.close()


def test_what_breaks_the_engine_is_told_to_all() -> None:
    station = Station(Value())
    for values in ([1, -1], [1]):
        with pytest.raises(WorkError, match="negative"):
            station.video(clips(values), lambda: SequenceBuffer(1))
