"""What to label first: the uncertain and the unlike, not all of one kind."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.inference.proposals import Stretch, propose, stretches_of
from kinema.types import FeatureSequence


def test_a_video_is_cut_into_stretches_as_uncertain_as_their_steps() -> None:
    times = np.arange(80) / 4  # 20 s
    scores = np.zeros((80, 2))
    scores[32:64, 1] = 0.5  # 8 to 16 s: one bit
    found = stretches_of("a", FeatureSequence(np.ones((80, 3), np.float32), times), scores, 8.0)
    assert [(s.start, round(s.end, 2)) for s in found] == [(0, 8), (8, 19.75)]
    assert found[0].uncertainty == pytest.approx(0, abs=1e-3)
    assert found[1].uncertainty == pytest.approx(32 / 48, abs=1e-3)
    assert (
        stretches_of("a", FeatureSequence(np.zeros((0, 3), np.float32), times[:0], present=False), scores)
        == []
    )


def stretch(uncertainty: float, x: float, y: float = 0.0) -> Stretch:
    return Stretch("a", 0, 1, uncertainty, np.array([x, y]))


def test_the_uncertain_come_first_where_all_are_alike_and_the_unlike_where_all_are_as_sure() -> None:
    alike = [stretch(u, 1.0) for u in (0.2, 0.9, 0.5)]
    assert propose(alike, [stretch(0, 1.0)], 3) == [1, 2, 0]
    sure = [stretch(0.5, x) for x in (0.0, 1.0, 9.0)]
    assert propose(sure, [stretch(0, 0.0)], 1) == [2]


def test_what_is_proposed_together_is_not_all_of_one_kind() -> None:
    twins = [stretch(0.9, 5.0), stretch(0.9, 5.0), stretch(0.8, -5.0), stretch(0.1, 0.0)]
    assert set(propose(twins, [stretch(0, 0.0)], 2)) in ({0, 2}, {1, 2})
    assert sorted(propose(twins, [], 9)) == [0, 1, 2, 3]
    assert propose([], [], 3) == []
