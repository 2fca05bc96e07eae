"""How a run works on a stream: chosen, said, and refused where it cannot."""

from __future__ import annotations

import pytest

from kinema.errors import UsageError
from kinema.live.plan import clip_frames, plan_for
from support.live import CLIP, FLOW, RATE, SEGMENTS, SOUND, untrained

BOTH = {"kind": "gru", "units": 3, "bidirectional": True}
UNIFORM = {**RATE, "sampling": {"kind": "uniform", "frames": 4}}
AVERAGE = {"fusion": {"kind": "weighted_average"}}


def test_what_is_chosen_and_what_it_says() -> None:
    carried = plan_for(untrained({"rgb": CLIP}))
    assert (carried.rule, carried.seconds, carried.step_seconds) == ("reset", 2.0, 0.08)
    assert "1 to 2 s are behind each" in str(carried)
    window = plan_for(untrained({"rgb": RATE}, BOTH), seconds=3.0)
    assert (window.rule, window.step_seconds) == ("window", 0.125)
    assert "the last 3 s" in str(window)
    assert "after 1.5 s" in str(window)
    whole = plan_for(untrained({"rgb": UNIFORM}))
    assert (whole.rule, whole.step_seconds) == ("whole", 1.0)
    assert "up to 2 s after" in str(whole)
    assert plan_for(untrained({"rgb": CLIP}), "never").rule == "never"


def test_long_steps_make_a_long_horizon() -> None:
    long = {**SEGMENTS, "sampling": {"kind": "segments", "length": 20}}
    assert plan_for(untrained({"rgb": long})).seconds == pytest.approx(4 * 20 / 25)


@pytest.mark.parametrize("rule", ["reset", "never"])
def test_what_cannot_be_carried_is_refused(rule: str) -> None:
    for run in (untrained({"rgb": CLIP}, BOTH), untrained({"rgb": UNIFORM})):
        with pytest.raises(UsageError, match="leave --forget out"):
            plan_for(run, rule)  # type: ignore[arg-type]


def test_a_horizon_holds_two_steps() -> None:
    with pytest.raises(UsageError, match=r"give --horizon at least 0\.32"):
        plan_for(untrained({"rgb": SEGMENTS}), seconds=0.2)


def test_the_slowest_stream_of_frames_sets_the_pace() -> None:
    run = untrained({"rgb": CLIP, "flow": FLOW}, **AVERAGE)
    assert plan_for(run).step_seconds == 4 / 25
    assert plan_for(untrained({"audio": SOUND})).step_seconds == pytest.approx(0.48)


def test_frames_of_one_step() -> None:
    assert clip_frames(untrained({"rgb": RATE})) == 1
    assert clip_frames(untrained({"rgb": CLIP})) == 3
    assert clip_frames(untrained({"rgb": CLIP, "flow": FLOW}, **AVERAGE)) == 5, (
        "four fields are of five frames"
    )
