"""The rules of forgetting, by hand: what each reading rests on, and that nothing grows."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.live.memory import CarriedMemory, Memory, WindowMemory, can_carry
from kinema.live.steps import Step
from support.live import CLIP, GRU, SEGMENTS, untrained


def spans(memory: Memory, times: list[float]) -> list[tuple[int, int]]:
    """The steps that the reading after each step rests on."""
    found = []
    for number, seconds in enumerate(times):
        memory.take("rgb", Step(seconds, np.full(6, number, np.float32)))
        found.append(memory.reading(seconds).spans["rgb"])
    return found


@pytest.fixture
def model():
    return untrained({"rgb": CLIP}).sequences.model


def test_window_by_hand(model) -> None:
    assert spans(WindowMemory(model, 2.0), [0, 1, 2, 3, 4]) == [(0, 1), (0, 2), (1, 3), (2, 4), (3, 5)]


def test_a_gap_leaves_the_window_empty_but_for_the_new_step(model) -> None:
    assert spans(WindowMemory(model, 2.0), [0, 1, 60]) == [(0, 1), (0, 2), (2, 3)]


def test_reset_by_hand(model) -> None:
    """A state is started at 0, 2, 4, 6; the older of two answers, so that 2 to 4 s are behind it."""
    found = spans(CarriedMemory(model, 4.0), [0, 1, 2, 3, 4, 5, 6, 7, 8])
    assert [first for first, _ in found] == [0, 0, 0, 0, 2, 2, 4, 4, 6]


def test_where_steps_are_rare_none_rests_on_more_than_the_horizon(model) -> None:
    """As when frames are dropped: after 10 s nothing of before is left."""
    found = spans(CarriedMemory(model, 4.0), [0, 1, 11, 12, 14, 16])
    assert found == [(0, 1), (0, 2), (2, 3), (2, 4), (2, 5), (4, 6)]


def test_never(model) -> None:
    assert {first for first, _ in spans(CarriedMemory(model, None), list(range(50)))} == {0}


def test_after_half_a_horizon_no_reading_rests_on_less(model) -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.05, 0.4, 300)).tolist()
    memory = CarriedMemory(model, 3.0)
    for number, seconds in enumerate(times):
        memory.take("rgb", Step(seconds, np.zeros(6, np.float32)))
        start = memory.reading(seconds).start_seconds
        assert seconds - start <= 3.0 + 0.4
        assert number == 0 or start == times[0] or seconds - start >= 1.5 - 0.4


def test_streams_begin_anew_together() -> None:
    """A slower stream's step belongs to the state that began before it."""
    model = untrained(
        {"rgb": CLIP, "more": SEGMENTS}, GRU, fusion={"kind": "weighted_average"}
    ).sequences.model
    memory = CarriedMemory(model, 2.0)
    for seconds in np.arange(0, 5, 0.25).tolist():
        memory.take("rgb", Step(seconds, np.zeros(6, np.float32)))
        if seconds % 0.5 == 0:
            memory.take("more", Step(seconds, np.zeros(6, np.float32)))
    found = memory.reading(5.0).spans
    assert found == {"rgb": (12, 20), "more": (6, 10)}, "the state that began at 3 s"


def test_forget(model) -> None:
    for memory in (WindowMemory(model, 9.0), CarriedMemory(model, 9.0)):
        before = spans(memory, [0, 1, 2])
        memory.forget()
        assert spans(memory, [5, 6, 7]) == before


def test_who_can_carry() -> None:
    def carries(**temporal: object) -> bool:
        return can_carry(untrained({"rgb": CLIP}, {"kind": "gru", "units": 3, **temporal}).sequences.model)

    assert carries()
    assert carries(pool="mean")
    assert not carries(bidirectional=True)
    assert not carries(attention=True)
    per_step = {"classifier": {"per_step": True, "vote": "majority"}}
    voting = untrained({"rgb": CLIP}, {"kind": "gru", "units": 3, "pool": "none"}, **per_step)
    assert not can_carry(voting.sequences.model)
