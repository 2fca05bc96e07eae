"""Clips through the file in memory: whatever their shapes, they arrive as they were sent."""

from __future__ import annotations

import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kinema.extraction.messages import Finished, Placed
from kinema.extraction.slots import SLOT_BYTES, SLOT_CLIPS, SLOTS, ClipReceiver, ClipSender, memory_file
from kinema.types import Clip

ARRAYS = st.tuples(
    st.lists(st.integers(0, 7), max_size=4).map(tuple), st.sampled_from(["uint8", "float32", "float64"])
)


def received(connection: Connection) -> Placed | Finished:
    """The next announcement, which must come."""
    assert connection.poll(30)
    return connection.recv()


def through(clips: list[Clip]) -> list[Clip]:
    """Sent by one thread and received by this one."""
    ours, theirs = Pipe()
    found: list[Clip] = []
    with memory_file() as file, ours, theirs:
        sender, receiver = ClipSender(theirs, file), ClipReceiver(ours, file)
        thread = threading.Thread(target=lambda: [sender.send(m) for m in (*clips, Finished())])
        thread.start()
        while isinstance(message := received(ours), Placed):
            found += receiver.take(message)
        thread.join()
        ours.send("job")
        assert sender.receive() == "job", "receipts that nobody waited for are passed over"
    return found


@given(st.lists(st.lists(ARRAYS, min_size=1, max_size=3), max_size=20), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_clips_arrive_as_they_were_sent(shapes: list[list[tuple]], seed: int):
    random = np.random.default_rng(seed)
    clips = [
        Clip(float(number), tuple((255 * random.random(shape)).astype(dtype) for shape, dtype in arrays))
        for number, arrays in enumerate(shapes)
    ]
    for found, clip in zip(through(clips), clips, strict=True):
        assert found.pts_seconds == clip.pts_seconds
        assert [a.dtype for a in found.inputs] == [a.dtype for a in clip.inputs]
        for ours, wanted in zip(found.inputs, clip.inputs, strict=True):
            np.testing.assert_array_equal(ours, wanted)


def test_arrays_that_are_not_contiguous_arrive_too():
    picture = np.arange(4 * 6 * 3).reshape(4, 6, 3)
    (found,) = through([Clip(0.0, (picture[::2, ::-1],))])
    np.testing.assert_array_equal(found.inputs[0], picture[::2, ::-1])


def test_what_was_taken_is_no_longer_in_the_file():
    """A clip that is kept stays as it is while its slot is written again and again."""
    clips = [Clip(0.0, (np.full(1000, number),)) for number in range(3 * SLOTS * SLOT_CLIPS)]
    for number, found in enumerate(through(clips)):
        assert (found.inputs[0] == number).all()


def test_no_more_lie_in_the_file_than_it_has_slots():
    ours, theirs = Pipe()
    with memory_file() as file, ours, theirs:
        sender, receiver = ClipSender(theirs, file), ClipReceiver(ours, file)
        clips = [Clip(0.0, (np.zeros(SLOT_BYTES, np.uint8),))] * (SLOTS + 1)
        thread = threading.Thread(target=lambda: [sender.send(m) for m in (*clips, Finished())])
        thread.start()
        placed = [received(ours) for _ in range(SLOTS)]
        assert len({p.offset for p in placed}) == SLOTS
        assert not ours.poll(0.2), "the next one waits"
        receiver.take(placed[0])
        assert received(ours).offset == placed[0].offset
        thread.join()


def test_small_clips_share_a_slot_and_the_end_of_a_job_announces_the_last():
    ours, theirs = Pipe()
    with memory_file() as file, ours, theirs:
        sender, receiver = ClipSender(theirs, file), ClipReceiver(ours, file)
        for number in range(SLOT_CLIPS + 2):
            sender.send(Clip(float(number), (np.full(5, number),)))
        assert [c.pts_seconds for c in receiver.take(received(ours))] == list(range(SLOT_CLIPS))
        assert not ours.poll(0.1), "two wait for more"
        sender.send(Finished())
        assert [c.pts_seconds for c in receiver.take(received(ours))] == [SLOT_CLIPS, SLOT_CLIPS + 1]
        assert received(ours) == Finished()


def test_memory_is_used_again_when_nothing_of_a_slot_is_held():
    """Not while a part of one array in it is held, whoever holds it."""
    ours, theirs = Pipe()
    with memory_file() as file, ours, theirs:
        sender, receiver = ClipSender(theirs, file), ClipReceiver(ours, file)

        def one(number: int) -> np.ndarray:
            sender.send(Clip(0.0, (np.full((8, 500), number, np.uint8), np.zeros(3))))
            sender.send(Finished())
            (clip,) = receiver.take(received(ours))
            assert received(ours) == Finished()
            return clip.inputs[0]

        first = one(1)
        held, second = first[3:5, ::2], one(2)
        places = {first.ctypes.data}
        del first
        third = one(3)
        assert third.ctypes.data not in places | {second.ctypes.data}
        assert [set(a.ravel().tolist()) for a in (held, second, third)] == [{1}, {2}, {3}]
        places.add(third.ctypes.data)
        del held, third
        fourth, fifth = one(4), one(5)
        assert {fourth.ctypes.data, fifth.ctypes.data} == places
        assert [set(a.ravel().tolist()) for a in (second, fourth, fifth)] == [{2}, {4}, {5}]
