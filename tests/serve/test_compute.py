"""One thread for many videos, with a backbone that can be checked by eye: the sum of what it is given."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kinema.errors import WorkError
from kinema.extraction.messages import Finished, Message
from kinema.serve.compute import ComputeThread, Key
from kinema.types import Clip


class Sum:
    dim, at_once, resizes, mover = 1, 1, False, None

    def __init__(self, batch_size: int = 4):
        self.batch_size = batch_size
        self.calls: list[int] = []

    def __call__(self, inputs: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
        self.calls.append(len(inputs))
        return np.stack([np.float32([array.sum()]) for (array,) in inputs])


def video(values: Sequence[float], key: Key = ("rgb", 0)) -> Iterator[tuple[Key, Message]]:
    for i, value in enumerate(values):
        yield key, Clip(float(i), (np.float32([value]),))
    yield key, Finished()


@pytest.fixture
def rgb() -> Sum:
    return Sum()


@pytest.fixture
def thread(rgb: Sum) -> Iterator[ComputeThread]:
    found = ComputeThread({"rgb": rgb, "audio": Sum()})
    yield found
    found.close()


def test_a_video_alone_is_not_kept_waiting_for_a_full_batch(thread: ComputeThread, rgb: Sum) -> None:
    ((key, sequence),) = thread.sequences(video([1, 2, 3, 4, 5]))
    assert (key, sequence.data[:, 0].tolist(), rgb.calls) == (("rgb", 0), [1, 2, 3, 4, 5], [4, 1])
    assert sequence.pts_seconds.tolist() == [0, 1, 2, 3, 4]


def test_batches_are_filled_across_videos(thread: ComputeThread, rgb: Sum) -> None:
    meet = threading.Barrier(4)

    def one(number: int) -> list[float]:
        def together() -> Iterator[tuple[Key, Message]]:
            clip, *rest = video([number])
            yield clip
            meet.wait(30)
            yield from rest

        ((_, sequence),) = thread.sequences(together())
        return sequence.data[:, 0].tolist()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(one, range(4))) == [[0], [1], [2], [3]]
    assert rgb.calls == [4]


def test_streams_and_windows_of_one_video_keep_apart(thread: ComputeThread) -> None:
    messages = [*video([1, 2], ("rgb", 0)), *video([3], ("audio", 0)), *video([], ("rgb", 1))]
    found = dict(thread.sequences(messages))
    assert {key: s.data[:, 0].tolist() for key, s in found.items()} == {
        ("rgb", 0): [1, 2], ("audio", 0): [3], ("rgb", 1): []
    }  # fmt: skip
    assert not found["rgb", 1].present


def test_what_goes_wrong_is_told_to_those_it_concerns_and_no_others(thread: ComputeThread) -> None:
    with pytest.raises(WorkError, match="not finite"):
        list(thread.sequences(video([1, float("nan"), 2])))
    ((_, sequence),) = thread.sequences(video([7]))
    assert sequence.data.tolist() == [[7]]

    def damaged() -> Iterator[tuple[Key, Message]]:
        yield from [next(video([1]))]
        raise ValueError("the decoder died")

    with pytest.raises(ValueError, match="the decoder died"):
        list(thread.sequences(damaged()))
    assert not thread.call(lambda: thread._engines["rgb"].open), "what was begun is dropped"


def test_calls_run_in_the_thread(thread: ComputeThread) -> None:
    assert thread.call(threading.current_thread).name == "compute"
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 / 0)
