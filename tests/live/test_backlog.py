"""What is dropped: the rule by hand, and that whatever the speeds, clips are whole and steps are finished."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kinema.live.backlog import Backlog
from kinema.live.items import Ended, Gap, Item, Shot, Sound


def shot(number: int) -> Shot:
    return Shot(number / 25, 0.0, lambda: np.zeros((1, 1, 3), np.uint8))


def drained(backlog: Backlog) -> list[Item]:
    items = []
    while (item := backlog.take(0)) is not None:
        items.append(item)
    return items


def numbers(items: list[Item]) -> list[object]:
    return [round(i.seconds * 25) if isinstance(i, Shot) else type(i).__name__ for i in items]


def test_nothing_is_dropped_while_it_fits() -> None:
    backlog = Backlog(1.0, 1)
    for number in range(25):
        backlog.put(shot(number))
    assert numbers(drained(backlog)) == list(range(25))
    assert (backlog.dropped, backlog.taken) == (0, 25)


def test_what_comes_on_top_is_dropped_until_the_queue_is_empty() -> None:
    backlog = Backlog(0.2, 1)
    for number in range(20):
        backlog.put(shot(number))
    assert numbers(drained(backlog)) == [0, 1, 2, 3, 4, "Gap"]
    backlog.put(shot(20))
    assert numbers(drained(backlog)) == [20]
    assert backlog.dropped == 15


def test_a_finished_step_goes_on_with_the_newest_frame() -> None:
    backlog = Backlog(0.2, 1)
    for number in range(10):
        backlog.put(shot(number))
    assert numbers([backlog.take(0), backlog.take(0)]) == [0, 1]  # type: ignore[list-item]
    backlog.step_done()
    backlog.put(shot(10))
    assert numbers(drained(backlog)) == ["Gap", 10]
    assert (backlog.taken, backlog.dropped) == (3, 8)


def test_a_step_of_many_frames_always_fits() -> None:
    backlog = Backlog(0.0, 20)
    for number in range(100):
        backlog.put(shot(number))
    assert numbers(drained(backlog)) == [*range(20), "Gap"]


def test_sound_is_never_dropped() -> None:
    backlog = Backlog(0.0, 1)
    for number in range(5):
        backlog.put(shot(number))
        backlog.put(Sound(number / 25, 0.0, np.zeros(1, np.float32)))
    backlog.put(Ended())
    backlog.step_done()
    assert numbers(drained(backlog)) == ["Gap", *["Sound"] * 5, "Ended"]


@given(
    arrivals=st.lists(st.integers(0, 30), min_size=5, max_size=60),
    length=st.integers(1, 12),
    wait=st.floats(0, 1),
)
def test_steps_are_of_frames_in_a_row_and_always_come(arrivals: list[int], length: int, wait: float) -> None:
    """A reader that is slower than the source: between two frames that it takes, so many arrive."""
    backlog, clip, steps, sent = Backlog(wait, length), [], 0, 0
    for count in arrivals:
        for _ in range(count):
            backlog.put(shot(sent))
            sent += 1
        item = backlog.take(0)
        if isinstance(item, Gap):
            clip = []
        elif isinstance(item, Shot):
            clip.append(round(item.seconds * 25))
            assert clip == list(range(clip[0], clip[0] + len(clip))), "no clip spans a gap"
            if len(clip) == length:
                steps, clip = steps + 1, []
                backlog.step_done()
    taken = backlog.taken
    waiting = sum(isinstance(item, Shot) for item in drained(backlog))
    assert taken + waiting + backlog.dropped == sent
    assert steps == 0 or taken >= steps * length
    assert taken < 3 * length or steps >= taken // (2 * length) // 2
