"""Stacks of hand-made fields that carry their number."""

from __future__ import annotations

import numpy as np
import pytest

from kinema.sampling.online import IndexSampler, OnlineSampler, online_sampler
from kinema.sampling.specs import Jump
from kinema.streams.stacks import Stacker
from kinema.types import Clip


def stacked(sampler: OnlineSampler, total: int, length: int) -> list[Clip]:
    stacker = Stacker(sampler, length)
    found = []
    for index in range(total):
        found += stacker.push(index, (index / 10, np.full((1, 1, 2), index, np.float32)))
        assert len(stacker._recent) <= length + 1
    return found + stacker.finish()


@pytest.mark.parametrize(
    ("total", "chosen", "starts"),
    [
        (10, [0, 4, 6], [0, 4, 6]),
        (10, [8, 9], [6, 6]),  # a stack that would run over the end starts earlier
        (4, [0, 3], [0, 0]),
    ],
)
def test_stacks_are_consecutive_fields_from_each_chosen_one_on(total, chosen, starts):
    found = stacked(IndexSampler(chosen), total, 4)
    values = [clip.inputs[0][0, 0, ::2].tolist() for clip in found]
    assert values == [[s, s + 1, s + 2, s + 3] for s in starts]
    assert [clip.pts_seconds for clip in found] == [i / 10 for i in chosen]


def test_a_video_shorter_than_a_stack_repeats_its_last_field():
    (clip,) = stacked(IndexSampler([0]), 2, 4)
    assert clip.inputs[0][0, 0].tolist() == [0, 0, 1, 1, 1, 1, 1, 1]


def test_stacks_of_a_long_video_hold_few_fields():
    starts = [c.inputs[0][0, 0, 0] for c in stacked(online_sampler(Jump(kind="jump", every=50)), 175, 4)]
    assert starts == [0, 50, 100, 150]
